-- How long what names a buyer is kept: so many days after the event, then a worker erases it.
ALTER TABLE events
    ADD COLUMN retention_days SMALLINT UNSIGNED NULL,
    ADD COLUMN forgotten_at DATETIME(3) NULL;
