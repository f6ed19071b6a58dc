-- What leaves the shop: mail to buyers and webhooks to organisers, written down with what they are about, sent later.

-- Where a buyer is told about an order, by their own wish. Nothing else has the address; erasing it is deleting this.
CREATE TABLE contacts (
    order_id   CHAR(36)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event_id   INT UNSIGNED NOT NULL,
    email      VARCHAR(254) NOT NULL,
    link       VARCHAR(120) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- the key of the order's link
    changes    INT UNSIGNED NOT NULL, -- how often it was given
    updated_at DATETIME(3)  NOT NULL,
    PRIMARY KEY (order_id),
    KEY contacts_event (event_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE webhooks (
    id         INT UNSIGNED  NOT NULL AUTO_INCREMENT,
    event_id   INT UNSIGNED  NOT NULL, -- 0: of every event
    url        VARCHAR(500)  NOT NULL,
    secret     VARCHAR(100)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- whsec_ and base64: it has to sign
    kinds      VARCHAR(200)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- what is told, in words; empty: all
    created_at DATETIME(3)   NOT NULL,
    PRIMARY KEY (id),
    KEY webhooks_event (event_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE messages (
    id         CHAR(36)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- derived from what it says: there once
    kind       VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event_id   INT UNSIGNED NOT NULL,
    order_id   CHAR(36)     CHARACTER SET ascii COLLATE ascii_bin NULL,
    webhook_id INT UNSIGNED NULL, -- NULL: mail, to the contact of the order
    body       TEXT         NOT NULL, -- of a webhook what is sent; of mail what it is about, never an address
    status     VARCHAR(8)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- DUE, SENT, FAILED, SKIPPED
    attempts   INT UNSIGNED NOT NULL DEFAULT 0,
    created_at DATETIME(3)  NOT NULL,
    next_at    DATETIME(3)  NOT NULL, -- of one that is due: not before
    claim      CHAR(36)     CHARACTER SET ascii COLLATE ascii_bin NULL, -- who sends it, until next_at
    ended_at   DATETIME(3)  NULL,
    error      VARCHAR(200) NULL, -- of the last attempt
    PRIMARY KEY (id),
    KEY messages_due (status, next_at),
    KEY messages_claim (claim),
    KEY messages_order (order_id),
    KEY messages_webhook (webhook_id, created_at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE message_attempts (
    message_id CHAR(36)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    attempt    INT UNSIGNED NOT NULL,
    at         DATETIME(3)  NOT NULL,
    took_ms    INT UNSIGNED NOT NULL,
    outcome    VARCHAR(200) NOT NULL,
    PRIMARY KEY (message_id, attempt)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- What buyers were last told about an event: when and where it is, and whether it is called off.
CREATE TABLE announcements (
    event_id      INT UNSIGNED NOT NULL,
    starts_at     DATETIME(3)  NULL,
    doors_at      DATETIME(3)  NULL,
    venue         VARCHAR(120) NULL,
    called_off_at DATETIME(3)  NULL,
    version       INT UNSIGNED NOT NULL,
    PRIMARY KEY (event_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

ALTER TABLE tickets ADD COLUMN mailed_at DATETIME(3) NULL;
