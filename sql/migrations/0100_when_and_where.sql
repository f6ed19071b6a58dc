-- When the concert begins, when its doors open, and where it is; NULL: not announced yet.

ALTER TABLE events
    ADD COLUMN starts_at DATETIME(3)  NULL,
    ADD COLUMN doors_at  DATETIME(3)  NULL,
    ADD COLUMN venue     VARCHAR(120) NULL;
