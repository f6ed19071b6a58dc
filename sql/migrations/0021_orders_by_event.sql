-- A rebuild reads the orders of one event in the order of their ids, page by page.

ALTER TABLE orders
    ADD KEY orders_by_event (event_id, id);
