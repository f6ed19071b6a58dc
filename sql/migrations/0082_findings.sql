-- What does not agree between us and a provider, or between the books and Redis: found by time window and touched rows.

CREATE TABLE findings (
    id         CHAR(36)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind       VARCHAR(20)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    action     VARCHAR(20)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event_id   INT UNSIGNED   NOT NULL,
    order_id   CHAR(36)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    provider   VARCHAR(16)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    reference  VARBINARY(128) NOT NULL,
    detail     VARCHAR(300)   NOT NULL,
    notice     VARBINARY(2000) NULL,
    found_at   DATETIME(3)    NOT NULL,
    seen_at    DATETIME(3)    NOT NULL,
    mended_at  DATETIME(3)    NULL,
    PRIMARY KEY (id),
    KEY findings_open (mended_at, event_id, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE compared (
    name  VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    until DATETIME(3) NOT NULL,
    PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE provider_fees (
    provider       VARCHAR(16)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    transaction_id VARBINARY(128) NOT NULL,
    fee            DECIMAL(12,2)  NOT NULL,
    currency       CHAR(3)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    PRIMARY KEY (provider, transaction_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

ALTER TABLE orders ADD KEY orders_updated (updated_at, id);
ALTER TABLE payments ADD KEY payments_made (provider, created_at, id);
