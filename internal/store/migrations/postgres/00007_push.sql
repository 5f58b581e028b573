-- +goose Up
-- Addresses of devices at the vendor's push service. expires_at is 0 for one that never expires.
CREATE TABLE push_tokens (
    user_id    TEXT COLLATE "C" NOT NULL,
    platform   INTEGER NOT NULL,
    token      TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, platform)
);
CREATE INDEX push_tokens_token ON push_tokens (token);

-- The number on the icon of a user's application.
CREATE TABLE push_badges (
    user_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    badge   BIGINT NOT NULL
);

-- Stored messages whose offline pushes were not made yet. done_to is the last
-- member of a large group, by id, whose jobs are there.
CREATE TABLE push_intents (
    message_id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    conversation_id TEXT COLLATE "C" NOT NULL,
    seq             BIGINT NOT NULL,
    done_to         TEXT COLLATE "C" NOT NULL,
    created_at      BIGINT NOT NULL
);

-- Notifications to be sent: for each device and conversation the newest. note is
-- JSON. claim names the attempt that is under way until lease_until, node the server that makes it.
CREATE TABLE push_jobs (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id         TEXT COLLATE "C" NOT NULL,
    platform        INTEGER NOT NULL,
    conversation_id TEXT COLLATE "C" NOT NULL,
    token           TEXT COLLATE "C" NOT NULL,
    message_id      TEXT COLLATE "C" NOT NULL,
    send_time       BIGINT NOT NULL,
    note            BYTEA NOT NULL,
    created_at      BIGINT NOT NULL,
    attempts        INTEGER NOT NULL,
    next_at         BIGINT NOT NULL,
    claim           TEXT COLLATE "C" NOT NULL,
    node            TEXT COLLATE "C" NOT NULL,
    lease_until     BIGINT NOT NULL
);
CREATE UNIQUE INDEX push_jobs_target ON push_jobs (user_id, platform, conversation_id);
CREATE INDEX push_jobs_due ON push_jobs (next_at, id);
