-- Orders are looked for by when they were placed, and a million of them were looked through for that.
ALTER TABLE orders ADD KEY orders_placed (event_id, placed_at);
