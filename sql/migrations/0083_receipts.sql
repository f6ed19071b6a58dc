-- Receipts have numbers without gaps, in each event's own series; prices have their VAT in them.

CREATE TABLE receipts (
    event_id  INT UNSIGNED NOT NULL,
    number    INT UNSIGNED NOT NULL,
    order_id  CHAR(36)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    issued_at DATETIME(3)  NOT NULL,
    PRIMARY KEY (event_id, number),
    UNIQUE KEY receipts_order (order_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE receipt_series (
    event_id INT UNSIGNED NOT NULL,
    last     INT UNSIGNED NOT NULL,
    PRIMARY KEY (event_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

INSERT INTO receipts (event_id, number, order_id, issued_at)
    SELECT event_id, ROW_NUMBER() OVER (PARTITION BY event_id ORDER BY placed_at, id), id, updated_at
    FROM orders WHERE status IN ('CONFIRMED', 'PARTIALLY_REFUNDED');
INSERT INTO receipt_series (event_id, last) SELECT event_id, MAX(number) FROM receipts GROUP BY event_id;

ALTER TABLE skus ADD COLUMN vat_percent DECIMAL(4,2) NOT NULL DEFAULT 0;
