-- The books, as they stand. sql/migrations/ get there, and a test holds the two equal.
-- Works on MySQL 8.4 and MariaDB 10.11. Times are UTC; money is exact.

CREATE TABLE events (
    id               INT UNSIGNED   NOT NULL AUTO_INCREMENT,
    slug             VARCHAR(64)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name             VARCHAR(120)   NOT NULL,
    currency         CHAR(3)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    state            VARCHAR(12)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- draft, scheduled, open, paused, closed
    notice           VARCHAR(280)   NULL,                                           -- the organiser's words while paused
    accent           CHAR(7)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- #rrggbb
    opens_at         DATETIME(3)    NOT NULL,
    rate_per_minute  INT UNSIGNED   NOT NULL,
    room             INT UNSIGNED   NOT NULL,                                       -- active passes at once
    pass_ttl_seconds INT UNSIGNED   NOT NULL,
    hold_ttl_seconds INT UNSIGNED   NOT NULL,
    max_per_buyer    INT UNSIGNED   NOT NULL,
    gates            TEXT           NULL,                                           -- app/sale/gates/rules.py, as JSON
    draw_secret      CHAR(64)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- published after the draw
    created_at       DATETIME(3)    NOT NULL,
    on_sale_at       DATETIME(3)    NULL, -- put into Redis for the first time; NULL: still to be done
    purged_at        DATETIME(3)    NULL, -- cleared away in Redis, for good; NULL: Redis should have it
    epoch            INT UNSIGNED   NOT NULL DEFAULT 1, -- grows with every rebuild of the sale in Redis
    redis_seq        BIGINT UNSIGNED NOT NULL DEFAULT 0, -- how far Redis had come when it last confirmed a settling
    number_high      BIGINT UNSIGNED NOT NULL DEFAULT 0, -- no queue number above it was given
    refund_days      SMALLINT UNSIGNED NULL, -- buyers may ask for a refund until so many days before; NULL: never
    provider         VARCHAR(16)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'sandbox', -- of new payments
    called_off_at    DATETIME(3)    NULL, -- everybody gets their money back
    called_off_by    VARCHAR(64)    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    called_off_reason VARCHAR(200)  NULL,
    deposit_percent  TINYINT UNSIGNED NULL, -- of an order's total, to be paid first; NULL: all of it at once
    rest_due_days    SMALLINT UNSIGNED NULL, -- after ordering, for the rest
    starts_at        DATETIME(3)    NULL, -- the concert itself; NULL, here and below: not announced yet
    doors_at         DATETIME(3)    NULL,
    venue            VARCHAR(120)   NULL,
    revision         INT UNSIGNED   NOT NULL DEFAULT 1, -- grows with every change by an organiser
    overbooking_percent SMALLINT UNSIGNED NULL, -- passes for a hundred available tickets; NULL: as the setting has it
    description      TEXT           NULL, -- Markdown
    archived_at      DATETIME(3)    NULL, -- off the lists
    blocked          TEXT           NULL, -- whom the organiser keeps out: app/sale/gates/blocks.py, as JSON
    retention_days   SMALLINT UNSIGNED NULL, -- so many days after it, what names its buyers is erased; NULL: never
    forgotten_at     DATETIME(3)    NULL, -- it was erased
    picture          CHAR(64)       CHARACTER SET ascii COLLATE ascii_bin NULL, -- the name of one in pictures
    PRIMARY KEY (id),
    UNIQUE KEY events_slug (slug),
    KEY events_epoch (epoch),
    KEY events_opens (opens_at, id) -- the list of sales
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Pictures of events: made small, named by their content, and good for ever under that name.
CREATE TABLE pictures (
    hash       CHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- SHA-256 of the JPEG
    jpeg       MEDIUMBLOB   NOT NULL,
    created_at DATETIME(3)  NOT NULL,
    PRIMARY KEY (hash)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- While a sale is paused its clock stands still: a hold ends later by every pause between its beginning and its end.
CREATE TABLE pauses (
    event_id INT UNSIGNED NOT NULL,
    began_at DATETIME(3)  NOT NULL,
    ended_at DATETIME(3)  NULL, -- while it lasts
    PRIMARY KEY (event_id, began_at),
    CONSTRAINT pauses_event FOREIGN KEY (event_id) REFERENCES events (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

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

-- The link to an event's wall, a page in big figures without a login: which version is good, and until when.
CREATE TABLE walls (
    event_id    INT UNSIGNED NOT NULL,
    version     INT UNSIGNED NOT NULL, -- a new link voids those before
    ends_at     DATETIME(3)  NOT NULL,
    shows_money BOOLEAN      NOT NULL,
    PRIMARY KEY (event_id),
    CONSTRAINT walls_event FOREIGN KEY (event_id) REFERENCES events (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE skus (
    id       INT UNSIGNED  NOT NULL AUTO_INCREMENT,
    event_id INT UNSIGNED  NOT NULL,
    name     VARCHAR(80)   NOT NULL,
    price    DECIMAL(12,2) NOT NULL,
    capacity INT           NOT NULL,
    held     INT           NOT NULL DEFAULT 0,
    sold     INT           NOT NULL DEFAULT 0,
    vat_percent DECIMAL(4,2) NOT NULL DEFAULT 0, -- in the price
    position SMALLINT UNSIGNED NOT NULL DEFAULT 0, -- where it is listed; equal ones in the order of their ids
    max_per_buyer SMALLINT UNSIGNED NULL, -- of this kind; NULL: the event's limit alone
    sells_from DATETIME(3) NULL, -- NULL, here and below: for as long as the sale goes on
    sells_until DATETIME(3) NULL,
    PRIMARY KEY (id),
    UNIQUE KEY skus_name (event_id, name),
    CONSTRAINT skus_event FOREIGN KEY (event_id) REFERENCES events (id),
    -- The last guard: whatever went wrong before, nobody is sold a ticket that does not exist.
    CONSTRAINT skus_guard CHECK (held >= 0 AND sold >= 0 AND held + sold <= capacity)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE orders (
    id              CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event_id        INT UNSIGNED  NOT NULL,
    buyer_id        CHAR(32)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    status          VARCHAR(20)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    version         INT UNSIGNED  NOT NULL,
    total           DECIMAL(12,2) NOT NULL,
    currency        CHAR(3)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    idempotency_key VARBINARY(255) NOT NULL, -- chosen outside: compared byte by byte, blanks at its end too
    request_hash    CHAR(64)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    placed_at       DATETIME(3)   NOT NULL,
    expires_at      DATETIME(3)   NOT NULL,
    extended        BOOLEAN       NOT NULL DEFAULT FALSE, -- the buyer got more time to pay, which there is once
    updated_at      DATETIME(3)   NOT NULL,
    accepted        DECIMAL(12,2) NULL, -- after a review: what was taken for the price; NULL: the total
    accepted_currency CHAR(3)     CHARACTER SET ascii COLLATE ascii_bin NULL,
    deposit         DECIMAL(12,2) NULL, -- the first of two instalments; NULL: all of it is paid at once
    rest_due_at     DATETIME(3)   NULL, -- when the second one is due, once the first was paid
    deposit_payment_id CHAR(36)   CHARACTER SET ascii COLLATE ascii_bin NULL, -- the charge that is the deposit
    code            CHAR(9)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '', -- what people call it
    PRIMARY KEY (id),
    UNIQUE KEY orders_answer (event_id, buyer_id, idempotency_key), -- one key, one order
    KEY orders_status (event_id, status),
    KEY orders_due (status, expires_at),
    KEY orders_by_event (event_id, id), -- a rebuild reads them so, page by page
    KEY orders_buyer (buyer_id, id), -- a buyer's own, newest first
    KEY orders_updated (updated_at, id), -- the reconciliation looks at what was touched
    KEY orders_code (event_id, code),
    KEY orders_placed (event_id, placed_at), -- looked for by time
    CONSTRAINT orders_event FOREIGN KEY (event_id) REFERENCES events (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- What organisers note of an order.
CREATE TABLE order_notes (
    id       CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    order_id CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    at       DATETIME(3)   NOT NULL,
    who      VARCHAR(140)  NOT NULL,
    text     VARCHAR(1000) NOT NULL,
    PRIMARY KEY (id),
    KEY order_notes_order (order_id, at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE order_items (
    order_id CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    sku_id   INT UNSIGNED  NOT NULL,
    quantity INT           NOT NULL,
    price    DECIMAL(12,2) NOT NULL, -- a snapshot: what the buyer was shown
    void     INT           NOT NULL DEFAULT 0, -- of them: taken back, good for nothing
    restocked INT          NOT NULL DEFAULT 0, -- of those: on sale again
    PRIMARY KEY (order_id, sku_id),
    CONSTRAINT order_items_order FOREIGN KEY (order_id) REFERENCES orders (id),
    CONSTRAINT order_items_sku FOREIGN KEY (sku_id) REFERENCES skus (id),
    CONSTRAINT order_items_quantity CHECK (quantity > 0),
    CONSTRAINT order_items_back CHECK (0 <= restocked AND restocked <= void AND void <= quantity)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- One row for each ticket that was ever good. One that is handed on is void, and its next issue is good instead.
CREATE TABLE tickets (
    id          CHAR(32)          CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- random; its code has it, signed
    order_id    CHAR(36)          CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event_id    INT UNSIGNED      NOT NULL,
    sku_id      INT UNSIGNED      NOT NULL,
    number      SMALLINT UNSIGNED NOT NULL, -- from 1 on, of its kind in its order
    issue       SMALLINT UNSIGNED NOT NULL, -- 1, and one more each time it is handed on
    status      VARCHAR(8)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- VALID, USED, VOID
    issued_at   DATETIME(3)       NOT NULL,
    ended_at    DATETIME(3)       NULL, -- when it was used, or became void
    gate        VARCHAR(64)       NULL, -- of a used one: where
    door_key    CHAR(12)          CHARACTER SET ascii COLLATE ascii_bin NULL, -- of a used one: the API key that let it in
    use_key     VARBINARY(255)    NULL, -- of a used one: the Idempotency-Key of the scan
    request_key VARBINARY(255)    NULL, -- of a later issue: the Idempotency-Key that asked for it
    mailed_at   DATETIME(3)       NULL, -- when its code was last mailed to the buyer
    PRIMARY KEY (id),
    UNIQUE KEY tickets_once (order_id, sku_id, number, issue),
    KEY tickets_event (event_id, status)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Where a buyer is told about an order, by their own wish. Nothing else has the address; erasing it is deleting this.
CREATE TABLE contacts (
    order_id   CHAR(36)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event_id   INT UNSIGNED NOT NULL,
    email      VARCHAR(254) NOT NULL,
    link       VARCHAR(120) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- the key of the order's link
    language   VARCHAR(10)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'en', -- of what is written there
    changes    INT UNSIGNED NOT NULL, -- how often it was given
    updated_at DATETIME(3)  NOT NULL,
    PRIMARY KEY (order_id),
    KEY contacts_event (event_id),
    KEY contacts_email (event_id, email)
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

-- A row only for an order whose link was renewed: it says which version of the link is good.
CREATE TABLE order_links (
    order_id   CHAR(36)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    version    INT UNSIGNED NOT NULL,
    renewed_at DATETIME(3)  NOT NULL,
    PRIMARY KEY (order_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- No foreign key on order_id: money for an order nobody knows is kept too.
CREATE TABLE payments (
    id             CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    order_id       CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind           VARCHAR(8)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- CHARGE, REFUND
    parent_id      CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NULL,     -- of a refund: its charge
    request_id     CHAR(36)      CHARACTER SET ascii COLLATE ascii_bin NULL,     -- of a refund: the decision behind it
    provider       VARCHAR(16)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    transaction_id VARBINARY(128) NULL, -- chosen outside, as above
    amount         DECIMAL(12,2) NOT NULL,
    currency       CHAR(3)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    status         VARCHAR(16)   CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at     DATETIME(3)   NOT NULL,
    updated_at     DATETIME(3)   NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY payments_transaction (provider, transaction_id), -- counted once
    KEY payments_order (order_id),
    KEY payments_status (status),
    KEY payments_made (provider, created_at, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Money that nobody decided about yet: it came after its order gave its stock up, while nobody could say whether
-- that is gone, or for an order that is in no books.
CREATE TABLE late_charges (
    payment_id CHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    order_id   CHAR(36)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    since      DATETIME(3) NOT NULL,
    PRIMARY KEY (payment_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- The page at a provider where an attempt to pay is made: kept, so that it can be closed when the hold ends.
CREATE TABLE checkouts (
    payment_id CHAR(36)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    order_id   CHAR(36)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    provider   VARCHAR(16)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    ref        VARCHAR(255)   NOT NULL, -- as the provider calls it
    url        VARCHAR(2000)  NOT NULL,
    expires_at DATETIME(3)    NOT NULL, -- the provider takes no payment after that
    created_at DATETIME(3)    NOT NULL,
    closed_at  DATETIME(3)    NULL,
    PRIMARY KEY (payment_id),
    KEY checkouts_open (closed_at, payment_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Refunds that a buyer asked for, or that an organiser decided on. What is DECIDED is told to the ledger until it is
-- BOOKED, or VOID because the money went back in another way meanwhile.
CREATE TABLE refund_requests (
    id              CHAR(36)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- of the decision; payments have it too
    order_id        CHAR(36)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event_id        INT UNSIGNED   NOT NULL,
    status          VARCHAR(12)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- ASKED, DECLINED, DECIDED, BOOKED, VOID
    amount          DECIMAL(12,2)  NOT NULL, -- 0: what the items cost, or everything
    items           VARCHAR(1000)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- "sku:quantity,…"
    tickets         VARCHAR(1000)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT '', -- those that were named: "sku:number,…"
    restock         BOOLEAN        NOT NULL, -- the tickets are sold again
    reason          VARCHAR(200)   NOT NULL,
    asked_by        VARCHAR(64)    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    decided_by      VARCHAR(64)    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    idempotency_key VARBINARY(255) NOT NULL,
    request_hash    CHAR(64)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at      DATETIME(3)    NOT NULL,
    updated_at      DATETIME(3)    NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY refund_requests_answer (order_id, idempotency_key),
    KEY refund_requests_status (status, id),
    KEY refund_requests_event (event_id, status, id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- A receipt for each order that was ever bought, with numbers without gaps in each event's own series.
CREATE TABLE receipts (
    event_id  INT UNSIGNED NOT NULL,
    number    INT UNSIGNED NOT NULL,
    order_id  CHAR(36)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    issued_at DATETIME(3)  NOT NULL,
    PRIMARY KEY (event_id, number),
    UNIQUE KEY receipts_order (order_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE receipt_series (
    event_id INT UNSIGNED NOT NULL,
    last     INT UNSIGNED NOT NULL, -- the last number given; locked by whoever gives the next
    PRIMARY KEY (event_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- What does not agree between us and a provider, or between the books and Redis: found by time window and touched rows.
CREATE TABLE findings (
    id         CHAR(36)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind       VARCHAR(20)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- see app/payments/findings.py
    action     VARCHAR(20)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event_id   INT UNSIGNED   NOT NULL,
    order_id   CHAR(36)       CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    provider   VARCHAR(16)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    reference  VARBINARY(128) NOT NULL,
    detail     VARCHAR(300)   NOT NULL,
    notice     VARBINARY(2000) NULL, -- what the provider says, to tell the ledger
    found_at   DATETIME(3)    NOT NULL,
    seen_at    DATETIME(3)    NOT NULL,
    mended_at  DATETIME(3)    NULL,
    PRIMARY KEY (id),
    KEY findings_open (mended_at, event_id, id),
    KEY findings_event (event_id, mended_at, id) -- what was mended in an event, newest first
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Up to when orders, and the list of each provider, were compared.
CREATE TABLE compared (
    name  VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    until DATETIME(3) NOT NULL,
    PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- What a provider kept of a charge for itself, as its list says.
CREATE TABLE provider_fees (
    provider       VARCHAR(16)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    transaction_id VARBINARY(128) NOT NULL,
    fee            DECIMAL(12,2)  NOT NULL,
    currency       CHAR(3)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    PRIMARY KEY (provider, transaction_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- How far the list of each provider's charges has been compared: all of them up to then are in the books.
CREATE TABLE reconciliations (
    provider     VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    booked_until DATETIME(3) NOT NULL, -- by the provider's clock
    looked_at    DATETIME(3) NOT NULL,
    PRIMARY KEY (provider)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Append-only: the application's database user may insert and read here, nothing else.
CREATE TABLE inventory_audit (
    id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    sku_id     INT UNSIGNED    NOT NULL,
    change_qty INT             NOT NULL, -- change of what is available
    reason     VARCHAR(20)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    ref_id     CHAR(36)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at DATETIME(3)     NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY inventory_audit_once (ref_id, sku_id, reason),
    KEY inventory_audit_sku (sku_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE admins (
    name          VARCHAR(64)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, -- in its canonical form
    password_hash VARCHAR(255) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    created_at    DATETIME(3)  NOT NULL,
    PRIMARY KEY (name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

CREATE TABLE admin_sessions (
    secret_hash  CHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- SHA-256 of what the cookie has
    admin        VARCHAR(64)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    created_at   DATETIME(3)  NOT NULL,
    last_seen_at DATETIME(3)  NOT NULL,
    expires_at   DATETIME(3)  NOT NULL,
    address      VARCHAR(45)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    user_agent   VARCHAR(200) NOT NULL,
    PRIMARY KEY (secret_hash),
    KEY admin_sessions_admin (admin, created_at),
    KEY admin_sessions_expires (expires_at),
    CONSTRAINT admin_sessions_of FOREIGN KEY (admin) REFERENCES admins (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- A second factor of an admin: a secret shared with their authenticator. Without a row the password is enough.
CREATE TABLE admin_factors (
    admin      VARCHAR(64)     CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    secret     CHAR(32)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- in base32
    last_step  BIGINT UNSIGNED NOT NULL, -- of the last code that was used: none is good twice
    since      DATETIME(3)     NOT NULL,
    PRIMARY KEY (admin),
    CONSTRAINT admin_factors_of FOREIGN KEY (admin) REFERENCES admins (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Codes for when the authenticator is lost; a used one is deleted.
CREATE TABLE admin_recovery_codes (
    admin     VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    code_hash CHAR(64)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    PRIMARY KEY (admin, code_hash),
    CONSTRAINT admin_recovery_codes_of FOREIGN KEY (admin) REFERENCES admins (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- What an admin may do, and where: event 0 stands for every event.
CREATE TABLE admin_roles (
    admin    VARCHAR(64)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    event_id INT UNSIGNED NOT NULL,
    role     VARCHAR(16)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- viewer, door, box_office, organiser, owner
    PRIMARY KEY (admin, event_id),
    CONSTRAINT admin_roles_of FOREIGN KEY (admin) REFERENCES admins (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Whoever is asked by mail to become an admin: good once, and for some days.
CREATE TABLE invitations (
    id          CHAR(12)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    secret_hash CHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    secret      CHAR(43)     CHARACTER SET ascii COLLATE ascii_bin NULL, -- of the link, until it is mailed
    email       VARCHAR(254) NOT NULL,
    role        VARCHAR(16)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event_id    INT UNSIGNED NOT NULL, -- 0: in every event
    invited_by  VARCHAR(64)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL, -- NULL: the command line
    created_at  DATETIME(3)  NOT NULL,
    expires_at  DATETIME(3)  NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY invitations_secret (secret_hash),
    KEY invitations_by (invited_by),
    KEY invitations_expires (expires_at),
    CONSTRAINT invitations_of FOREIGN KEY (invited_by) REFERENCES admins (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Keys of programs. Each belongs to an admin and may never do more than they may.
CREATE TABLE api_keys (
    id           CHAR(12)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- public: how lists and logs name it
    secret_hash  CHAR(64)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- SHA-256 of the whole key
    admin        VARCHAR(64)  CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    name         VARCHAR(64)  NOT NULL,
    scopes       VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- read, write, door: with blanks between
    event_id     INT UNSIGNED NOT NULL,                                       -- 0: wherever its admin may
    created_at   DATETIME(3)  NOT NULL,
    last_used_at DATETIME(3)  NULL,
    expires_at   DATETIME(3)  NOT NULL,
    PRIMARY KEY (id),
    UNIQUE KEY api_keys_secret (secret_hash),
    KEY api_keys_admin (admin),
    KEY api_keys_expires (expires_at),
    CONSTRAINT api_keys_of FOREIGN KEY (admin) REFERENCES admins (name) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Append-only, as the audit is: who changed what, when, from where.
CREATE TABLE admin_log (
    seq      BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    id       CHAR(36)        CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- of the deed: it is written down once
    at       DATETIME(3)     NOT NULL,
    who      VARCHAR(140)    CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    address  VARCHAR(45)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    event_id INT UNSIGNED    NOT NULL,                                       -- 0: of no event
    action   VARCHAR(40)     CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    subject  VARCHAR(140)    NOT NULL,
    was      TEXT            NULL,                                           -- JSON, as what follows
    became   TEXT            NULL,
    PRIMARY KEY (seq),
    UNIQUE KEY admin_log_once (id),
    KEY admin_log_event (event_id, seq),
    KEY admin_log_who (who, seq)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- Counts of an event's orders and money, kept by the ledger in the transaction that changes them.
CREATE TABLE figures (
    event_id INT UNSIGNED NOT NULL,
    name     VARCHAR(32)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- app/orders/figures.py has them all
    amount   BIGINT       NOT NULL,
    PRIMARY KEY (event_id, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- How a sale stood: by the minute, and by the second while it was open (those go after some days).
CREATE TABLE sale_history (
    event_id     INT UNSIGNED      NOT NULL,
    step_seconds SMALLINT UNSIGNED NOT NULL,
    at           DATETIME(3)       NOT NULL,
    point        TEXT              NOT NULL, -- JSON
    PRIMARY KEY (event_id, step_seconds, at),
    KEY sale_history_step (step_seconds, at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- A sale that is only played: on no list that buyers see, and what came of it.
CREATE TABLE rehearsals (
    event_id   INT UNSIGNED NOT NULL,
    of_slug    VARCHAR(64)  CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- of the event it is a copy of
    began_at   DATETIME(3)  NOT NULL,
    verdict    TEXT         NULL, -- JSON; NULL while it is played
    PRIMARY KEY (event_id),
    CONSTRAINT rehearsals_event FOREIGN KEY (event_id) REFERENCES events (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

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

-- What people and the system did to a sale, for the organiser's feed.
CREATE TABLE activity (
    id       BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    event_id INT UNSIGNED    NOT NULL,
    at       DATETIME(3)     NOT NULL,
    text     VARCHAR(280)    NOT NULL,
    once     VARCHAR(120)    CHARACTER SET ascii COLLATE ascii_bin NULL, -- of a line that is told once: its name
    PRIMARY KEY (id),
    UNIQUE KEY activity_once (event_id, once),
    KEY activity_event (event_id, at),
    CONSTRAINT activity_event_fk FOREIGN KEY (event_id) REFERENCES events (id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
