-- One row for each ticket that was ever good, and what became of it. One that is handed on is void, and the next
-- issue of its number is good instead.

CREATE TABLE tickets (
    id          CHAR(32)          CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- random; its code has it, signed
    order_id    CHAR(36)          CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event_id    INT UNSIGNED      NOT NULL,
    sku_id      INT UNSIGNED      NOT NULL,
    number      SMALLINT UNSIGNED NOT NULL, -- from 1 on, of its kind in its order
    issue       SMALLINT UNSIGNED NOT NULL, -- 1, and one more each time it is handed on
    status      VARCHAR(8)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- VALID, USED, VOID
    issued_at   DATETIME(3)       NOT NULL,
    ended_at    DATETIME(3)       NULL, -- when it was used, or became void
    gate        VARCHAR(64)       NULL, -- of a used one: where
    door_key    CHAR(12)          CHARACTER SET ascii COLLATE ascii_bin NULL, -- of a used one: the API key that let it in
    use_key     VARBINARY(255)    NULL, -- of a used one: the Idempotency-Key of the scan
    request_key VARBINARY(255)    NULL, -- of a later issue: the Idempotency-Key that asked for it
    PRIMARY KEY (id),
    UNIQUE KEY tickets_once (order_id, sku_id, number, issue),
    KEY tickets_event (event_id, status)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT INTO tickets (id, order_id, event_id, sku_id, number, issue, status, issued_at)
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000)
    SELECT REPLACE(UUID(), '-', ''), o.id, o.event_id, i.sku_id, numbers.n, 1, 'VALID', UTC_TIMESTAMP(3)
    FROM orders o JOIN order_items i ON i.order_id = o.id JOIN numbers ON numbers.n <= i.quantity
    WHERE o.status IN ('CONFIRMED', 'PARTIALLY_REFUNDED');
