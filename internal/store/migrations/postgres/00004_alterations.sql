-- +goose Up
-- What became of a message: 0 nothing, 1 revoked, 2 wiped for everybody. A wiped
-- row is hidden, and removed once no undelivered event needs its body.
ALTER TABLE messages ADD COLUMN state SMALLINT NOT NULL DEFAULT 0;
CREATE INDEX messages_wiped ON messages (id) WHERE state = 2;

-- 1 if records of the conversation were dropped that its next message brings back.
ALTER TABLE conversations ADD COLUMN dropped SMALLINT NOT NULL DEFAULT 0;

-- What readers are shown in place of a revoked message.
CREATE TABLE revocations (
    conversation_id  TEXT COLLATE "C" NOT NULL,
    seq              BIGINT NOT NULL,
    revoker_id       TEXT COLLATE "C" NOT NULL,
    revoker_role     INTEGER NOT NULL,
    revoker_nickname TEXT COLLATE "C" NOT NULL,
    revoke_time      BIGINT NOT NULL,
    session_type     INTEGER NOT NULL,
    client_msg_id    TEXT COLLATE "C" NOT NULL,
    send_id          TEXT COLLATE "C" NOT NULL,
    sender_nickname  TEXT COLLATE "C" NOT NULL,
    send_time        BIGINT NOT NULL,
    PRIMARY KEY (conversation_id, seq)
);

-- Ranges of numbers that a user has deleted for himself or herself.
CREATE TABLE deletions (
    conversation_id TEXT COLLATE "C" NOT NULL,
    user_id         TEXT COLLATE "C" NOT NULL,
    lo              BIGINT NOT NULL,
    hi              BIGINT NOT NULL,
    PRIMARY KEY (conversation_id, user_id, lo)
);

-- Records that their owners removed while the conversation goes on.
CREATE TABLE dropped_conversations (
    conversation_id   TEXT COLLATE "C" NOT NULL,
    owner_user_id     TEXT COLLATE "C" NOT NULL,
    conversation_type INTEGER NOT NULL,
    user_id           TEXT COLLATE "C" NOT NULL,
    group_id          TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (conversation_id, owner_user_id)
);

CREATE INDEX user_conversations_peer ON user_conversations (user_id, owner_user_id) WHERE user_id <> '';
CREATE INDEX user_conversations_destruct ON user_conversations (owner_user_id, conversation_id) WHERE is_msg_destruct = 1;
