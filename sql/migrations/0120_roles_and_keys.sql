-- What an admin may do, and where: event 0 stands for every event. Until now each of them could do everything.
CREATE TABLE admin_roles (
    admin    VARCHAR(64)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    event_id INT UNSIGNED NOT NULL,
    role     VARCHAR(16)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    PRIMARY KEY (admin, event_id),
    CONSTRAINT admin_roles_of FOREIGN KEY (admin) REFERENCES admins (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO admin_roles (admin, event_id, role) SELECT name, 0, 'owner' FROM admins;

CREATE TABLE api_keys (
    id           CHAR(12)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    secret_hash  CHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    admin        VARCHAR(64)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    name         VARCHAR(64)  NOT NULL,
    scopes       VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event_id     INT UNSIGNED NOT NULL,
    created_at   DATETIME(3)  NOT NULL,
    last_used_at DATETIME(3)  NULL,
    expires_at   DATETIME(3)  NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY api_keys_secret (secret_hash),
    KEY api_keys_admin (admin),
    KEY api_keys_expires (expires_at),
    CONSTRAINT api_keys_of FOREIGN KEY (admin) REFERENCES admins (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE admin_log (
    seq      BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    id       CHAR(36)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    at       DATETIME(3)     NOT NULL,
    who      VARCHAR(140)    NOT NULL,
    address  VARCHAR(45)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event_id INT UNSIGNED    NOT NULL,
    action   VARCHAR(40)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    subject  VARCHAR(140)    NOT NULL,
    was      TEXT            NULL,
    became   TEXT            NULL,
    PRIMARY KEY (seq),
    UNIQUE KEY admin_log_once (id),
    KEY admin_log_event (event_id, seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
