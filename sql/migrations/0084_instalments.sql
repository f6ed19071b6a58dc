-- An order may be paid in two instalments: a deposit, and the rest by a date that is fixed when it is ordered.
ALTER TABLE events
    ADD COLUMN deposit_percent TINYINT UNSIGNED NULL,
    ADD COLUMN rest_due_days SMALLINT UNSIGNED NULL;
ALTER TABLE orders
    ADD COLUMN deposit DECIMAL(12,2) NULL,
    ADD COLUMN rest_due_at DATETIME(3) NULL,
    ADD COLUMN deposit_payment_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL;
