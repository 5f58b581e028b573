-- +goose Up
-- Who is told of an event: '' is the endpoint of the configuration file. dead is 1
-- when the schedule is used up, or nothing can be sent; failed_at is when the
-- event failed first, and base the number of attempts made before that: a
-- replay begins the schedule anew.
ALTER TABLE outbox ADD COLUMN endpoint TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN dead SMALLINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN failed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN base INTEGER NOT NULL DEFAULT 0;
UPDATE outbox SET dead = 1 WHERE next_at = 253402300799999;
DROP INDEX outbox_due;
CREATE INDEX outbox_fresh ON outbox (endpoint, id) WHERE next_at = 0;
CREATE INDEX outbox_due ON outbox (endpoint, next_at, id) WHERE next_at > 0 AND dead = 0;
CREATE INDEX outbox_dead ON outbox (endpoint, id) WHERE next_at > 0 AND dead = 1;
CREATE INDEX outbox_attempted ON outbox (event_id) WHERE next_at > 0;

-- Endpoints made by the API. The row with the id '' only says whether the one of
-- the configuration file is paused. settings is JSON. A removed endpoint stays,
-- with deleted_at, until its events are gone.
CREATE TABLE webhook_endpoints (
    id            TEXT PRIMARY KEY,
    settings      TEXT NOT NULL,
    paused_at     BIGINT NOT NULL,
    paused_reason TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    deleted_at    BIGINT NOT NULL
) WITHOUT ROWID;

-- One row, raised with every change of an endpoint.
CREATE TABLE webhook_version (version BIGINT NOT NULL);
INSERT INTO webhook_version (version) VALUES (0);

-- Which node delivers to an endpoint. beat rises while it does.
CREATE TABLE webhook_leases (
    endpoint TEXT PRIMARY KEY,
    node     TEXT NOT NULL,
    epoch    BIGINT NOT NULL,
    beat     BIGINT NOT NULL
) WITHOUT ROWID;

-- Events that are done with. body is kept for events that speak of no message.
CREATE TABLE webhook_log (
    id           INTEGER PRIMARY KEY,
    event_id     TEXT NOT NULL,
    endpoint     TEXT NOT NULL,
    lane         TEXT NOT NULL,
    lane_seq     BIGINT NOT NULL,
    command      SMALLINT NOT NULL,
    seq          BIGINT NOT NULL,
    operation_id TEXT NOT NULL,
    body         BLOB,
    created_at   BIGINT NOT NULL,
    outcome      SMALLINT NOT NULL,
    attempts     INTEGER NOT NULL,
    settled_at   BIGINT NOT NULL,
    status       INTEGER NOT NULL,
    took         BIGINT NOT NULL,
    error        TEXT NOT NULL,
    answer       BLOB
);
-- Event ids begin with their time, so this serves time ranges, too.
CREATE INDEX webhook_log_event ON webhook_log (event_id);

-- Attempts that failed.
CREATE TABLE webhook_attempts (
    id       INTEGER PRIMARY KEY,
    event_id TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    attempt  INTEGER NOT NULL,
    at       BIGINT NOT NULL,
    status   INTEGER NOT NULL,
    took     BIGINT NOT NULL,
    error    TEXT NOT NULL,
    answer   BLOB
);
CREATE INDEX webhook_attempts_event ON webhook_attempts (event_id);
