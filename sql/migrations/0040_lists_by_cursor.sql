-- Lists that go on from a cursor cost the same however long they are.

ALTER TABLE events ADD KEY events_opens (opens_at, id);
ALTER TABLE orders ADD KEY orders_buyer (buyer_id, id);
