-- Who may join a sale, and where they stand: what the organiser asks for (app/sale/gates/rules.py), as JSON.
ALTER TABLE events ADD COLUMN gates TEXT NULL AFTER max_per_buyer;

-- Presale codes, by a keyed hash: whoever reads the books cannot use one. Redis has a copy, which decides.
CREATE TABLE access_codes (
    event_id     INT UNSIGNED     NOT NULL,
    code_hash    CHAR(32)         CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    band         TINYINT UNSIGNED NOT NULL,
    max_uses     INT UNSIGNED     NOT NULL,
    uses         INT UNSIGNED     NOT NULL DEFAULT 0, -- follows Redis by seconds
    loaded_epoch INT UNSIGNED     NOT NULL DEFAULT 0, -- the epoch of the sale in which Redis was given it
    created_at   DATETIME(3)      NOT NULL,
    PRIMARY KEY (event_id, code_hash),
    KEY access_codes_loaded (event_id, loaded_epoch),
    CONSTRAINT access_codes_event FOREIGN KEY (event_id) REFERENCES events (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
