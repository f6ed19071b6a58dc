-- The page at a provider where an attempt to pay is made: kept, so that it can be closed when the hold ends.

CREATE TABLE checkouts (
    payment_id CHAR(36)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    order_id   CHAR(36)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    provider   VARCHAR(16)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    ref        VARCHAR(255)   NOT NULL,
    url        VARCHAR(2000)  NOT NULL,
    expires_at DATETIME(3)    NOT NULL,
    created_at DATETIME(3)    NOT NULL,
    closed_at  DATETIME(3)    NULL,
    PRIMARY KEY (payment_id),
    KEY checkouts_open (closed_at, payment_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
