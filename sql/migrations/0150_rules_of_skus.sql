-- Each kind of ticket has its place in lists, and may have rules of its own.
ALTER TABLE skus
    ADD COLUMN position SMALLINT UNSIGNED NOT NULL DEFAULT 0, -- where it is listed; equal ones in the order of their ids
    ADD COLUMN max_per_buyer SMALLINT UNSIGNED NULL,
    ADD COLUMN sells_from DATETIME(3) NULL,
    ADD COLUMN sells_until DATETIME(3) NULL;
