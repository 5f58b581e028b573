-- +goose Up
-- Applications for friendship; a new one from the same user replaces the old.
CREATE TABLE friend_requests (
    from_user_id    TEXT COLLATE "C" NOT NULL,
    to_user_id      TEXT COLLATE "C" NOT NULL,
    handle_result   INTEGER NOT NULL,
    req_msg         TEXT COLLATE "C" NOT NULL,
    create_time     BIGINT NOT NULL,
    handler_user_id TEXT COLLATE "C" NOT NULL,
    handle_msg      TEXT COLLATE "C" NOT NULL,
    handle_time     BIGINT NOT NULL,
    ex              TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (from_user_id, to_user_id)
);
CREATE INDEX friend_requests_sent ON friend_requests (from_user_id, create_time DESC, to_user_id);
CREATE INDEX friend_requests_received ON friend_requests (to_user_id, create_time DESC, from_user_id);

-- The order of friend lists and of block lists, and whose friend somebody is.
CREATE INDEX friends_order ON friends (owner_user_id, is_pinned DESC, create_time, friend_user_id);
CREATE INDEX friends_friend ON friends (friend_user_id, owner_user_id);
CREATE INDEX blacks_order ON blacks (owner_user_id, create_time, black_user_id);

-- The order of the lists of all users.
CREATE INDEX users_order ON users (create_time, user_id);

-- A user's own rows of keys and values; a key may be there more than once.
CREATE TABLE user_commands (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id     TEXT COLLATE "C" NOT NULL,
    type        INTEGER NOT NULL,
    uuid        TEXT COLLATE "C" NOT NULL,
    value       TEXT COLLATE "C" NOT NULL,
    ex          TEXT COLLATE "C" NOT NULL,
    create_time BIGINT NOT NULL
);
CREATE INDEX user_commands_user ON user_commands (user_id, type, uuid, id);

-- Settings that clients are given; user_id is empty for those of all users.
CREATE TABLE client_configs (
    user_id    TEXT COLLATE "C" NOT NULL,
    config_key TEXT COLLATE "C" NOT NULL,
    value      TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, config_key)
);
CREATE INDEX client_configs_key ON client_configs (config_key, user_id);
