-- Which life of its data in Redis an event is in, and what the books remember of Redis: see docs/decisions/0020.

ALTER TABLE events
    ADD COLUMN epoch       INT UNSIGNED    NOT NULL DEFAULT 1,
    ADD COLUMN redis_seq   BIGINT UNSIGNED NOT NULL DEFAULT 0,
    ADD COLUMN number_high BIGINT UNSIGNED NOT NULL DEFAULT 0,
    ADD KEY events_epoch (epoch);
