-- The picture of an event: small, named by its content, and good for ever under that name.
CREATE TABLE pictures (
    hash       CHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    jpeg       MEDIUMBLOB   NOT NULL,
    created_at DATETIME(3)  NOT NULL,
    PRIMARY KEY (hash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

ALTER TABLE events
    ADD COLUMN picture CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL;
