-- Whoever is asked by mail to become an admin: good once, and for some days.
CREATE TABLE invitations (
    id          CHAR(12)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    secret_hash CHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    secret      CHAR(43)     CHARACTER SET ascii COLLATE ascii_bin NULL, -- of the link, until it is mailed
    email       VARCHAR(254) NOT NULL,
    role        VARCHAR(16)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event_id    INT UNSIGNED NOT NULL, -- 0: in every event
    invited_by  VARCHAR(64)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL, -- NULL: the command line
    created_at  DATETIME(3)  NOT NULL,
    expires_at  DATETIME(3)  NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY invitations_secret (secret_hash),
    KEY invitations_by (invited_by),
    KEY invitations_expires (expires_at),
    CONSTRAINT invitations_of FOREIGN KEY (invited_by) REFERENCES admins (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
