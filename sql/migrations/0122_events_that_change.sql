-- What organisers change of an event, and an event that nobody sees yet (state: draft).
ALTER TABLE events ADD COLUMN revision INT UNSIGNED NOT NULL DEFAULT 1;
ALTER TABLE events ADD COLUMN overbooking_percent SMALLINT UNSIGNED NULL;
ALTER TABLE events ADD COLUMN description TEXT NULL;
ALTER TABLE events ADD COLUMN archived_at DATETIME(3) NULL;
