-- Money of orders that are in no books waits for its decision beside late money.
INSERT IGNORE INTO late_charges (payment_id, order_id, since)
SELECT p.id, p.order_id, p.updated_at
FROM payments p
LEFT JOIN orders o ON o.id = p.order_id
LEFT JOIN payments r ON r.order_id = p.order_id AND r.parent_id = p.id
WHERE p.status = 'COMPLETED' AND o.id IS NULL AND r.id IS NULL;
