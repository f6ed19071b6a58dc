-- Names of admins have one canonical form, compared as it is written: no case, no accents, no blanks to hide behind.
UPDATE admins SET name = LOWER(TRIM(name));
ALTER TABLE admins MODIFY name VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL;

CREATE TABLE admin_sessions (
    secret_hash  CHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    admin        VARCHAR(64)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    created_at   DATETIME(3)  NOT NULL,
    last_seen_at DATETIME(3)  NOT NULL,
    expires_at   DATETIME(3)  NOT NULL,
    address      VARCHAR(45)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    user_agent   VARCHAR(200) NOT NULL,
    PRIMARY KEY (secret_hash),
    KEY admin_sessions_admin (admin, created_at),
    KEY admin_sessions_expires (expires_at),
    CONSTRAINT admin_sessions_of FOREIGN KEY (admin) REFERENCES admins (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
