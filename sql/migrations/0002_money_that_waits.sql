-- Text that outsiders choose is compared byte by byte: other columns take "abc" and "abc " for the same.
ALTER TABLE orders
    MODIFY idempotency_key VARBINARY(255) NOT NULL,
    ADD KEY orders_due (status, expires_at);

ALTER TABLE payments
    MODIFY transaction_id VARBINARY(128) NULL;

CREATE TABLE late_charges (
    payment_id CHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    order_id   CHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    since      DATETIME(3) NOT NULL,
    PRIMARY KEY (payment_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE reconciliations (
    provider     VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    booked_until DATETIME(3) NOT NULL,
    looked_at    DATETIME(3) NOT NULL,
    PRIMARY KEY (provider)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
