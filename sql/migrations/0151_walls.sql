-- The link to an event's wall, a page in big figures without a login: which version of it is good, and until when.
CREATE TABLE walls (
    event_id    INT UNSIGNED NOT NULL,
    version     INT UNSIGNED NOT NULL, -- a new link voids those before
    ends_at     DATETIME(3)  NOT NULL,
    shows_money BOOLEAN      NOT NULL,
    PRIMARY KEY (event_id),
    CONSTRAINT walls_event FOREIGN KEY (event_id) REFERENCES events (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
