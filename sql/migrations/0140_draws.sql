-- What a draw published: from then on anybody can recompute it. For ever, like the orders.
CREATE TABLE draws (
    event_id     INT UNSIGNED    NOT NULL,
    drawn_after  BIGINT UNSIGNED NOT NULL, -- the last queue number given before the draw
    entrants     INT UNSIGNED    NOT NULL,
    list_hash    CHAR(64)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    published_at DATETIME(3)     NOT NULL,
    PRIMARY KEY (event_id),
    CONSTRAINT draws_event FOREIGN KEY (event_id) REFERENCES events (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- The entrants of a draw in the order of their numbers, some thousands a row.
CREATE TABLE draw_slices (
    event_id     INT UNSIGNED    NOT NULL,
    first_number BIGINT UNSIGNED NOT NULL,
    public_ids   MEDIUMTEXT      CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- 32 hex digits each
    PRIMARY KEY (event_id, first_number),
    CONSTRAINT draw_slices_draw FOREIGN KEY (event_id) REFERENCES draws (event_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
