CREATE TABLE blacks (
    owner_user_id    TEXT NOT NULL,
    black_user_id    TEXT NOT NULL,
    create_time      BIGINT NOT NULL,
    add_source       INTEGER NOT NULL,
    operator_user_id TEXT NOT NULL,
    ex               TEXT NOT NULL,
    PRIMARY KEY (owner_user_id, black_user_id)
);

CREATE INDEX blacks_order ON blacks (owner_user_id, create_time, black_user_id);

CREATE TABLE client_configs (
    user_id    TEXT NOT NULL,
    config_key TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (user_id, config_key)
);

CREATE INDEX client_configs_key ON client_configs (config_key, user_id);

CREATE TABLE conversations (
    conversation_id TEXT PRIMARY KEY,
    max_seq         BIGINT NOT NULL,
    min_seq         BIGINT NOT NULL,
    max_seq_time    BIGINT NOT NULL,
    hook_seq        BIGINT NOT NULL
, dropped SMALLINT NOT NULL DEFAULT 0);

CREATE TABLE deletions (
    conversation_id TEXT NOT NULL,
    user_id         TEXT NOT NULL,
    lo              BIGINT NOT NULL,
    hi              BIGINT NOT NULL,
    PRIMARY KEY (conversation_id, user_id, lo)
) WITHOUT ROWID;

CREATE TABLE dismissals (
    group_id TEXT PRIMARY KEY
);

CREATE TABLE dropped_conversations (
    conversation_id   TEXT NOT NULL,
    owner_user_id     TEXT NOT NULL,
    conversation_type INTEGER NOT NULL,
    user_id           TEXT NOT NULL,
    group_id          TEXT NOT NULL,
    PRIMARY KEY (conversation_id, owner_user_id)
) WITHOUT ROWID;

CREATE TABLE friend_requests (
    from_user_id    TEXT NOT NULL,
    to_user_id      TEXT NOT NULL,
    handle_result   INTEGER NOT NULL,
    req_msg         TEXT NOT NULL,
    create_time     BIGINT NOT NULL,
    handler_user_id TEXT NOT NULL,
    handle_msg      TEXT NOT NULL,
    handle_time     BIGINT NOT NULL,
    ex              TEXT NOT NULL,
    PRIMARY KEY (from_user_id, to_user_id)
);

CREATE INDEX friend_requests_received ON friend_requests (to_user_id, create_time DESC, from_user_id);

CREATE INDEX friend_requests_sent ON friend_requests (from_user_id, create_time DESC, to_user_id);

CREATE TABLE friends (
    owner_user_id    TEXT NOT NULL,
    friend_user_id   TEXT NOT NULL,
    remark           TEXT NOT NULL,
    create_time      BIGINT NOT NULL,
    add_source       INTEGER NOT NULL,
    operator_user_id TEXT NOT NULL,
    ex               TEXT NOT NULL,
    is_pinned        SMALLINT NOT NULL,
    PRIMARY KEY (owner_user_id, friend_user_id)
);

CREATE INDEX friends_friend ON friends (friend_user_id, owner_user_id);

CREATE INDEX friends_order ON friends (owner_user_id, is_pinned DESC, create_time, friend_user_id);

CREATE TABLE group_members (
    group_id         TEXT NOT NULL,
    user_id          TEXT NOT NULL,
    role_level       INTEGER NOT NULL,
    join_time        BIGINT NOT NULL,
    nickname         TEXT NOT NULL,
    face_url         TEXT NOT NULL,
    join_source      INTEGER NOT NULL,
    operator_user_id TEXT NOT NULL,
    ex               TEXT NOT NULL,
    mute_end_time    BIGINT NOT NULL,
    inviter_user_id  TEXT NOT NULL,
    PRIMARY KEY (group_id, user_id)
);

CREATE INDEX group_members_order ON group_members (group_id, role_level DESC, join_time, user_id);

CREATE INDEX group_members_user ON group_members (user_id, group_id);

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

CREATE INDEX group_requests_pending ON group_requests (group_id, req_time) WHERE handle_result = 0;

CREATE INDEX group_requests_user ON group_requests (user_id, req_time);

CREATE TABLE groups (
    group_id                 TEXT PRIMARY KEY,
    group_name               TEXT NOT NULL,
    notification             TEXT NOT NULL,
    introduction             TEXT NOT NULL,
    face_url                 TEXT NOT NULL,
    create_time              BIGINT NOT NULL,
    member_count             BIGINT NOT NULL,
    ex                       TEXT NOT NULL,
    status                   INTEGER NOT NULL,
    creator_user_id          TEXT NOT NULL,
    group_type               INTEGER NOT NULL,
    need_verification        INTEGER NOT NULL,
    look_member_info         INTEGER NOT NULL,
    apply_member_friend      INTEGER NOT NULL,
    notification_update_time BIGINT NOT NULL,
    notification_user_id     TEXT NOT NULL
);

CREATE INDEX groups_created ON groups (create_time DESC, group_id);

CREATE TABLE lanes (
    lane TEXT PRIMARY KEY,
    seq  BIGINT NOT NULL
);

CREATE TABLE messages (
    id              INTEGER PRIMARY KEY,
    conversation_id TEXT NOT NULL,
    seq             BIGINT NOT NULL,
    send_id         TEXT NOT NULL,
    client_msg_id   TEXT NOT NULL,
    server_msg_id   TEXT NOT NULL,
    content_type    INTEGER NOT NULL,
    send_time       BIGINT NOT NULL,
    stored_at       BIGINT NOT NULL,
    is_read         SMALLINT NOT NULL,
    body            BLOB NOT NULL
, state SMALLINT NOT NULL DEFAULT 0);

CREATE UNIQUE INDEX messages_seq ON messages (conversation_id, seq);

CREATE INDEX messages_wiped ON messages (id) WHERE state = 2;

CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id     TEXT NOT NULL,
    lane         TEXT NOT NULL,
    lane_seq     BIGINT NOT NULL,
    command      SMALLINT NOT NULL,
    seq          BIGINT NOT NULL,
    operation_id TEXT NOT NULL,
    body         BLOB,
    created_at   BIGINT NOT NULL,
    attempts     INTEGER NOT NULL,
    next_at      BIGINT NOT NULL,
    last_error   TEXT NOT NULL
);

CREATE INDEX outbox_due ON outbox (next_at) WHERE next_at > 0;

CREATE TABLE revocations (
    conversation_id  TEXT NOT NULL,
    seq              BIGINT NOT NULL,
    revoker_id       TEXT NOT NULL,
    revoker_role     INTEGER NOT NULL,
    revoker_nickname TEXT NOT NULL,
    revoke_time      BIGINT NOT NULL,
    session_type     INTEGER NOT NULL,
    client_msg_id    TEXT NOT NULL,
    send_id          TEXT NOT NULL,
    sender_nickname  TEXT NOT NULL,
    send_time        BIGINT NOT NULL,
    PRIMARY KEY (conversation_id, seq)
) WITHOUT ROWID;

CREATE TABLE tokens (
    user_id    TEXT NOT NULL,
    platform   INTEGER NOT NULL,
    hash       TEXT NOT NULL,
    state      INTEGER NOT NULL,
    created_at BIGINT NOT NULL,
    valid_to   BIGINT NOT NULL,
    PRIMARY KEY (user_id, platform, hash)
);

CREATE TABLE user_commands (
    id          INTEGER PRIMARY KEY,
    user_id     TEXT NOT NULL,
    type        INTEGER NOT NULL,
    uuid        TEXT NOT NULL,
    value       TEXT NOT NULL,
    ex          TEXT NOT NULL,
    create_time BIGINT NOT NULL
);

CREATE INDEX user_commands_user ON user_commands (user_id, type, uuid, id);

CREATE TABLE user_conversations (
    owner_user_id            TEXT NOT NULL,
    conversation_id          TEXT NOT NULL,
    recv_msg_opt             INTEGER NOT NULL,
    conversation_type        INTEGER NOT NULL,
    user_id                  TEXT NOT NULL,
    group_id                 TEXT NOT NULL,
    is_pinned                SMALLINT NOT NULL,
    attached_info            TEXT NOT NULL,
    is_private_chat          SMALLINT NOT NULL,
    group_at_type            INTEGER NOT NULL,
    ex                       TEXT NOT NULL,
    burn_duration            INTEGER NOT NULL,
    min_seq                  BIGINT NOT NULL,
    max_seq                  BIGINT NOT NULL,
    msg_destruct_time        BIGINT NOT NULL,
    latest_msg_destruct_time BIGINT NOT NULL,
    is_msg_destruct          SMALLINT NOT NULL,
    create_time              BIGINT NOT NULL,
    PRIMARY KEY (owner_user_id, conversation_id)
);

CREATE INDEX user_conversations_destruct ON user_conversations (owner_user_id, conversation_id) WHERE is_msg_destruct = 1;

CREATE INDEX user_conversations_order ON user_conversations (owner_user_id, create_time, conversation_id);

CREATE INDEX user_conversations_peer ON user_conversations (user_id, owner_user_id) WHERE user_id <> '';

CREATE TABLE user_seqs (
    user_id         TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    min_seq         BIGINT NOT NULL,
    max_seq         BIGINT NOT NULL,
    read_seq        BIGINT NOT NULL,
    PRIMARY KEY (user_id, conversation_id)
) WITHOUT ROWID;

CREATE TABLE users (
    user_id             TEXT PRIMARY KEY,
    nickname            TEXT NOT NULL,
    face_url            TEXT NOT NULL,
    ex                  TEXT NOT NULL,
    create_time         BIGINT NOT NULL,
    app_manger_level    INTEGER NOT NULL,
    global_recv_msg_opt INTEGER NOT NULL
);

CREATE INDEX users_order ON users (create_time, user_id);

CREATE TABLE version_entries (
    list    SMALLINT NOT NULL,
    owner   TEXT NOT NULL,
    element TEXT NOT NULL,
    change  SMALLINT NOT NULL,
    version BIGINT NOT NULL,
    place   INTEGER NOT NULL,
    PRIMARY KEY (list, owner, element)
) WITHOUT ROWID;

CREATE INDEX version_entries_version ON version_entries (list, owner, version, place);

CREATE TABLE version_logs (
    list       SMALLINT NOT NULL,
    owner      TEXT NOT NULL,
    id         TEXT NOT NULL,
    version    BIGINT NOT NULL,
    deleted_to BIGINT NOT NULL,
    PRIMARY KEY (list, owner)
);
