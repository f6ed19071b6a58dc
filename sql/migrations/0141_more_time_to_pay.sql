-- A buyer may ask for more time to pay, once: then the end of the hold is later, and this is set.
ALTER TABLE orders ADD COLUMN extended BOOLEAN NOT NULL DEFAULT FALSE AFTER expires_at;
