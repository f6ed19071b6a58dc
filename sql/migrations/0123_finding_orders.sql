-- How people name an order is found by an index, among a million too; and what they note of one.
ALTER TABLE orders ADD COLUMN code CHAR(9) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '';
UPDATE orders SET code = CONCAT(SUBSTRING(id, 10, 5), SUBSTRING(id, 25, 4));
ALTER TABLE orders ADD KEY orders_code (event_id, code);
CREATE TABLE order_notes (
    id       CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    order_id CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    at       DATETIME(3)   NOT NULL,
    who      VARCHAR(140)  NOT NULL,
    text     VARCHAR(1000) NOT NULL,
    PRIMARY KEY (id),
    KEY order_notes_order (order_id, at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
