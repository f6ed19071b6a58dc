-- A sale that is only played: marked as such, on no list that buyers see, and what came of it.
CREATE TABLE rehearsals (
    event_id   INT UNSIGNED NOT NULL,
    of_slug    VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    began_at   DATETIME(3)  NOT NULL,
    verdict    TEXT         NULL,
    PRIMARY KEY (event_id),
    CONSTRAINT rehearsals_event FOREIGN KEY (event_id) REFERENCES events (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
