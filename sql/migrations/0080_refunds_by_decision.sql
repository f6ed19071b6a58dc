-- Refunds that somebody decides on: which tickets they take back, and which of those are sold again.

ALTER TABLE order_items
    ADD COLUMN void INT NOT NULL DEFAULT 0,
    ADD COLUMN restocked INT NOT NULL DEFAULT 0,
    ADD CONSTRAINT order_items_back CHECK (0 <= restocked AND restocked <= void AND void <= quantity);
UPDATE order_items i JOIN orders o ON o.id = i.order_id SET i.void = i.quantity, i.restocked = i.quantity
    WHERE o.status = 'REFUNDED';
ALTER TABLE orders
    ADD COLUMN accepted DECIMAL(12,2) NULL,
    ADD COLUMN accepted_currency CHAR(3) CHARACTER SET ascii COLLATE ascii_bin NULL;
ALTER TABLE payments
    ADD COLUMN request_id CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NULL AFTER parent_id;

CREATE TABLE refund_requests (
    id              CHAR(36)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    order_id        CHAR(36)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event_id        INT UNSIGNED   NOT NULL,
    status          VARCHAR(12)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    amount          DECIMAL(12,2)  NOT NULL,
    items           VARCHAR(1000)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    restock         BOOLEAN        NOT NULL,
    reason          VARCHAR(200)   NOT NULL,
    asked_by        VARCHAR(64)    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    decided_by      VARCHAR(64)    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    idempotency_key VARBINARY(255) NOT NULL,
    request_hash    CHAR(64)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at      DATETIME(3)    NOT NULL,
    updated_at      DATETIME(3)    NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY refund_requests_answer (order_id, idempotency_key),
    KEY refund_requests_status (status, id),
    KEY refund_requests_event (event_id, status, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

ALTER TABLE events
    ADD COLUMN refund_days SMALLINT UNSIGNED NULL,
    ADD COLUMN provider VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'sandbox',
    ADD COLUMN called_off_at DATETIME(3) NULL,
    ADD COLUMN called_off_by VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    ADD COLUMN called_off_reason VARCHAR(200) NULL;
