-- Rehearsals that an organiser asked for; a worker plays one after the other.
CREATE TABLE asked_rehearsals (
    id        CHAR(12)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event_id  INT UNSIGNED NOT NULL, -- of the one that is copied
    buyers    INT UNSIGNED NOT NULL,
    tickets   INT UNSIGNED NULL,     -- NULL: as many as it has
    kills     VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NULL, -- a process, in the middle
    asked_by  VARCHAR(140) NOT NULL,
    asked_at  DATETIME(3)  NOT NULL,
    state     VARCHAR(8)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- WAITING, PLAYED, DONE, FAILED
    step      VARCHAR(16)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- what is done while it is PLAYED
    beat_at   DATETIME(3)  NULL,     -- when whoever plays it said so last
    copy_slug VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NULL,
    error     VARCHAR(200) NULL,
    PRIMARY KEY (id),
    KEY asked_rehearsals_state (state, asked_at),
    KEY asked_rehearsals_event (event_id, asked_at),
    CONSTRAINT asked_rehearsals_of FOREIGN KEY (event_id) REFERENCES events (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
