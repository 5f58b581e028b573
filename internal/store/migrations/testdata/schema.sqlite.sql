CREATE TABLE blacks (
    owner_user_id    TEXT NOT NULL,
    black_user_id    TEXT NOT NULL,
    create_time      BIGINT NOT NULL,
    add_source       INTEGER NOT NULL,
    operator_user_id TEXT NOT NULL,
    ex               TEXT NOT NULL,
    PRIMARY KEY (owner_user_id, black_user_id)
);

CREATE INDEX blacks_black ON blacks (black_user_id, owner_user_id);

CREATE INDEX blacks_order ON blacks (owner_user_id, create_time, black_user_id);

CREATE TABLE client_configs (
    user_id    TEXT NOT NULL,
    config_key TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (user_id, config_key)
);

CREATE INDEX client_configs_key ON client_configs (config_key, user_id);

CREATE TABLE client_logs (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    log_id        TEXT NOT NULL,
    user_id       TEXT NOT NULL,
    platform      TEXT NOT NULL,
    url           TEXT NOT NULL,
    filename      TEXT NOT NULL,
    app_framework TEXT NOT NULL,
    version       TEXT NOT NULL,
    ex            TEXT NOT NULL,
    create_time   BIGINT NOT NULL
);

CREATE UNIQUE INDEX client_logs_log_id ON client_logs (log_id);

CREATE INDEX client_logs_user ON client_logs (user_id, id);

CREATE TABLE conversations (
    conversation_id TEXT PRIMARY KEY,
    max_seq         BIGINT NOT NULL,
    min_seq         BIGINT NOT NULL,
    max_seq_time    BIGINT NOT NULL,
    hook_seq        BIGINT NOT NULL
, dropped SMALLINT NOT NULL DEFAULT 0, closed SMALLINT NOT NULL DEFAULT 0);

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

CREATE TABLE object_contents (
    digest       TEXT NOT NULL PRIMARY KEY,
    content_key  TEXT NOT NULL,
    size         BIGINT NOT NULL,
    used_at      BIGINT NOT NULL,
    image_format TEXT NOT NULL,
    image_width  INTEGER NOT NULL,
    image_height INTEGER NOT NULL
);

CREATE UNIQUE INDEX object_contents_key ON object_contents (content_key);

CREATE TABLE object_garbage (
    content_key TEXT NOT NULL PRIMARY KEY
);

CREATE TABLE object_suspects (
    content_key TEXT NOT NULL PRIMARY KEY,
    since       BIGINT NOT NULL
);

CREATE INDEX object_suspects_since ON object_suspects (since, content_key);

CREATE TABLE object_thumbnails (
    source_key  TEXT NOT NULL,
    variant     TEXT NOT NULL,
    content_key TEXT NOT NULL,
    PRIMARY KEY (source_key, variant)
);

CREATE TABLE object_uploads (
    id          TEXT NOT NULL PRIMARY KEY,
    user_id     TEXT NOT NULL,
    content_key TEXT NOT NULL,
    digest      TEXT NOT NULL,
    size        BIGINT NOT NULL,
    part_size   BIGINT NOT NULL,
    parts       INTEGER NOT NULL,
    storage_id  TEXT NOT NULL,
    create_time BIGINT NOT NULL,
    expire_time BIGINT NOT NULL
);

CREATE INDEX object_uploads_expire ON object_uploads (expire_time, id);

CREATE INDEX object_uploads_user ON object_uploads (user_id);

CREATE TABLE objects (
    name         TEXT NOT NULL PRIMARY KEY,
    content_key  TEXT NOT NULL,
    size         BIGINT NOT NULL,
    content_type TEXT NOT NULL,
    cause        TEXT NOT NULL,
    create_time  BIGINT NOT NULL
);

CREATE INDEX objects_content ON objects (content_key);

CREATE TABLE online (
    user_id  TEXT NOT NULL,
    platform INTEGER NOT NULL,
    node     TEXT NOT NULL,
    conn_id  TEXT NOT NULL,
    PRIMARY KEY (user_id, platform)
) WITHOUT ROWID;

CREATE INDEX online_node ON online (node);

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
, endpoint TEXT NOT NULL DEFAULT '', dead SMALLINT NOT NULL DEFAULT 0, failed_at BIGINT NOT NULL DEFAULT 0, base INTEGER NOT NULL DEFAULT 0, message_id BIGINT NOT NULL DEFAULT 0);

CREATE INDEX outbox_attempted ON outbox (event_id) WHERE next_at > 0;

CREATE INDEX outbox_dead ON outbox (endpoint, id) WHERE next_at > 0 AND dead = 1;

CREATE INDEX outbox_due ON outbox (endpoint, next_at, id) WHERE next_at > 0 AND dead = 0;

CREATE INDEX outbox_fresh ON outbox (endpoint, id) WHERE next_at = 0;

CREATE INDEX outbox_message ON outbox (message_id) WHERE message_id > 0;

CREATE TABLE push_badges (
    user_id TEXT PRIMARY KEY,
    badge   BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE push_intents (
    message_id      TEXT PRIMARY KEY,
    conversation_id TEXT NOT NULL,
    seq             BIGINT NOT NULL,
    done_to         TEXT NOT NULL,
    created_at      BIGINT NOT NULL
, operation_id TEXT NOT NULL DEFAULT '') WITHOUT ROWID;

CREATE TABLE push_jobs (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id         TEXT NOT NULL,
    platform        INTEGER NOT NULL,
    conversation_id TEXT NOT NULL,
    token           TEXT NOT NULL,
    message_id      TEXT NOT NULL,
    send_time       BIGINT NOT NULL,
    note            BLOB NOT NULL,
    created_at      BIGINT NOT NULL,
    attempts        INTEGER NOT NULL,
    next_at         BIGINT NOT NULL,
    claim           TEXT NOT NULL,
    node            TEXT NOT NULL,
    lease_until     BIGINT NOT NULL
, alone SMALLINT NOT NULL DEFAULT 0);

CREATE INDEX push_jobs_device ON push_jobs (user_id, platform, id);

CREATE INDEX push_jobs_due ON push_jobs (next_at, id);

CREATE UNIQUE INDEX push_jobs_target ON push_jobs (user_id, platform, message_id);

CREATE TABLE push_tokens (
    user_id    TEXT NOT NULL,
    platform   INTEGER NOT NULL,
    token      TEXT NOT NULL,
    expires_at BIGINT NOT NULL, registered_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, platform)
) WITHOUT ROWID;

CREATE INDEX push_tokens_token ON push_tokens (token);

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

CREATE TABLE webhook_endpoints (
    id            TEXT PRIMARY KEY,
    settings      TEXT NOT NULL,
    paused_at     BIGINT NOT NULL,
    paused_reason TEXT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    deleted_at    BIGINT NOT NULL
, resumed_to BIGINT NOT NULL DEFAULT 0) WITHOUT ROWID;

CREATE TABLE webhook_leases (
    endpoint TEXT PRIMARY KEY,
    node     TEXT NOT NULL,
    epoch    BIGINT NOT NULL,
    beat     BIGINT NOT NULL
) WITHOUT ROWID;

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

CREATE INDEX webhook_log_event ON webhook_log (event_id);

CREATE TABLE webhook_version (version BIGINT NOT NULL);
