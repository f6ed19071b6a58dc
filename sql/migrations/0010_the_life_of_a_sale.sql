-- When a sale was put into Redis first, and when it was cleared away there; the pauses, by which holds end later.

ALTER TABLE events
    ADD COLUMN on_sale_at DATETIME(3) NULL,
    ADD COLUMN purged_at  DATETIME(3) NULL;

UPDATE events SET on_sale_at = created_at;

CREATE TABLE pauses (
    event_id INT UNSIGNED NOT NULL,
    began_at DATETIME(3)  NOT NULL,
    ended_at DATETIME(3)  NULL, -- while it lasts
    PRIMARY KEY (event_id, began_at),
    CONSTRAINT pauses_event FOREIGN KEY (event_id) REFERENCES events (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
