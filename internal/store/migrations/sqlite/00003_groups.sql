-- +goose Up
-- Applications to enter a group: the newest of each user for each group.
CREATE TABLE group_requests (
    group_id        TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    handle_result   INTEGER NOT NULL,
    req_msg         TEXT NOT NULL,
    handle_msg      TEXT NOT NULL,
    req_time        BIGINT NOT NULL,
    handle_user_id  TEXT NOT NULL,
    handle_time     BIGINT NOT NULL,
    ex              TEXT NOT NULL,
    join_source     INTEGER NOT NULL,
    inviter_user_id TEXT NOT NULL,
    PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_requests_user ON group_requests (user_id, req_time);
CREATE INDEX group_requests_pending ON group_requests (group_id, req_time) WHERE handle_result = 0;

-- Dismissed groups whose members are still being removed.
CREATE TABLE dismissals (
    group_id TEXT PRIMARY KEY
);

-- The order in which groups are searched.
CREATE INDEX groups_created ON groups (create_time DESC, group_id);
