-- A second factor of an admin: a secret shared with their authenticator, and codes for when that is lost.
CREATE TABLE admin_factors (
    admin      VARCHAR(64)     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    secret     CHAR(32)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    last_step  BIGINT UNSIGNED NOT NULL,
    since      DATETIME(3)     NOT NULL,
    PRIMARY KEY (admin),
    CONSTRAINT admin_factors_of FOREIGN KEY (admin) REFERENCES admins (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE admin_recovery_codes (
    admin     VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    code_hash CHAR(64)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    PRIMARY KEY (admin, code_hash),
    CONSTRAINT admin_recovery_codes_of FOREIGN KEY (admin) REFERENCES admins (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
ALTER TABLE admin_log MODIFY who VARCHAR(140) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL;
ALTER TABLE admin_log ADD KEY admin_log_who (who, seq);
