-- What organisers are shown of an event, kept by the ledger as it changes, and how it was at every moment.
CREATE TABLE figures (
    event_id INT UNSIGNED NOT NULL,
    name     VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    amount   BIGINT       NOT NULL,
    PRIMARY KEY (event_id, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE sale_history (
    event_id     INT UNSIGNED      NOT NULL,
    step_seconds SMALLINT UNSIGNED NOT NULL,
    at           DATETIME(3)       NOT NULL,
    point        TEXT              NOT NULL,
    PRIMARY KEY (event_id, step_seconds, at),
    KEY sale_history_step (step_seconds, at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
