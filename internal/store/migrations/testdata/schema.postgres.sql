CREATE TABLE blacks (
    owner_user_id text COLLATE "C" NOT NULL,
    black_user_id text COLLATE "C" NOT NULL,
    create_time bigint NOT NULL,
    add_source integer NOT NULL,
    operator_user_id text COLLATE "C" NOT NULL,
    ex text COLLATE "C" NOT NULL,
    CONSTRAINT blacks_pkey PRIMARY KEY (owner_user_id, black_user_id)
);
CREATE INDEX blacks_black ON blacks USING btree (black_user_id, owner_user_id);
CREATE INDEX blacks_order ON blacks USING btree (owner_user_id, create_time, black_user_id);

CREATE TABLE client_configs (
    user_id text COLLATE "C" NOT NULL,
    config_key text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    CONSTRAINT client_configs_pkey PRIMARY KEY (user_id, config_key)
);
CREATE INDEX client_configs_key ON client_configs USING btree (config_key, user_id);

CREATE TABLE client_logs (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    log_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    platform text COLLATE "C" NOT NULL,
    url text COLLATE "C" NOT NULL,
    filename text COLLATE "C" NOT NULL,
    app_framework text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    ex text COLLATE "C" NOT NULL,
    create_time bigint NOT NULL,
    CONSTRAINT client_logs_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX client_logs_log_id ON client_logs USING btree (log_id);
CREATE INDEX client_logs_user ON client_logs USING btree (user_id, id);

CREATE TABLE conversations (
    conversation_id text COLLATE "C" NOT NULL,
    max_seq bigint NOT NULL,
    min_seq bigint NOT NULL,
    max_seq_time bigint NOT NULL,
    hook_seq bigint NOT NULL,
    dropped smallint DEFAULT 0 NOT NULL,
    closed smallint DEFAULT 0 NOT NULL,
    CONSTRAINT conversations_pkey PRIMARY KEY (conversation_id)
);

CREATE TABLE deletions (
    conversation_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    lo bigint NOT NULL,
    hi bigint NOT NULL,
    CONSTRAINT deletions_pkey PRIMARY KEY (conversation_id, user_id, lo)
);

CREATE TABLE dismissals (
    group_id text COLLATE "C" NOT NULL,
    CONSTRAINT dismissals_pkey PRIMARY KEY (group_id)
);

CREATE TABLE dropped_conversations (
    conversation_id text COLLATE "C" NOT NULL,
    owner_user_id text COLLATE "C" NOT NULL,
    conversation_type integer NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    group_id text COLLATE "C" NOT NULL,
    CONSTRAINT dropped_conversations_pkey PRIMARY KEY (conversation_id, owner_user_id)
);

CREATE TABLE friend_requests (
    from_user_id text COLLATE "C" NOT NULL,
    to_user_id text COLLATE "C" NOT NULL,
    handle_result integer NOT NULL,
    req_msg text COLLATE "C" NOT NULL,
    create_time bigint NOT NULL,
    handler_user_id text COLLATE "C" NOT NULL,
    handle_msg text COLLATE "C" NOT NULL,
    handle_time bigint NOT NULL,
    ex text COLLATE "C" NOT NULL,
    CONSTRAINT friend_requests_pkey PRIMARY KEY (from_user_id, to_user_id)
);
CREATE INDEX friend_requests_received ON friend_requests USING btree (to_user_id, create_time DESC, from_user_id);
CREATE INDEX friend_requests_sent ON friend_requests USING btree (from_user_id, create_time DESC, to_user_id);

CREATE TABLE friends (
    owner_user_id text COLLATE "C" NOT NULL,
    friend_user_id text COLLATE "C" NOT NULL,
    remark text COLLATE "C" NOT NULL,
    create_time bigint NOT NULL,
    add_source integer NOT NULL,
    operator_user_id text COLLATE "C" NOT NULL,
    ex text COLLATE "C" NOT NULL,
    is_pinned smallint NOT NULL,
    CONSTRAINT friends_pkey PRIMARY KEY (owner_user_id, friend_user_id)
);
CREATE INDEX friends_friend ON friends USING btree (friend_user_id, owner_user_id);
CREATE INDEX friends_order ON friends USING btree (owner_user_id, is_pinned DESC, create_time, friend_user_id);

CREATE TABLE group_members (
    group_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    role_level integer NOT NULL,
    join_time bigint NOT NULL,
    nickname text COLLATE "C" NOT NULL,
    face_url text COLLATE "C" NOT NULL,
    join_source integer NOT NULL,
    operator_user_id text COLLATE "C" NOT NULL,
    ex text COLLATE "C" NOT NULL,
    mute_end_time bigint NOT NULL,
    inviter_user_id text COLLATE "C" NOT NULL,
    CONSTRAINT group_members_pkey PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_members_order ON group_members USING btree (group_id, role_level DESC, join_time, user_id);
CREATE INDEX group_members_user ON group_members USING btree (user_id, group_id);

CREATE TABLE group_requests (
    group_id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    handle_result integer NOT NULL,
    req_msg text COLLATE "C" NOT NULL,
    handle_msg text COLLATE "C" NOT NULL,
    req_time bigint NOT NULL,
    handle_user_id text COLLATE "C" NOT NULL,
    handle_time bigint NOT NULL,
    ex text COLLATE "C" NOT NULL,
    join_source integer NOT NULL,
    inviter_user_id text COLLATE "C" NOT NULL,
    CONSTRAINT group_requests_pkey PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_requests_pending ON group_requests USING btree (group_id, req_time) WHERE (handle_result = 0);
CREATE INDEX group_requests_user ON group_requests USING btree (user_id, req_time);

CREATE TABLE groups (
    group_id text COLLATE "C" NOT NULL,
    group_name text COLLATE "C" NOT NULL,
    notification text COLLATE "C" NOT NULL,
    introduction text COLLATE "C" NOT NULL,
    face_url text COLLATE "C" NOT NULL,
    create_time bigint NOT NULL,
    member_count bigint NOT NULL,
    ex text COLLATE "C" NOT NULL,
    status integer NOT NULL,
    creator_user_id text COLLATE "C" NOT NULL,
    group_type integer NOT NULL,
    need_verification integer NOT NULL,
    look_member_info integer NOT NULL,
    apply_member_friend integer NOT NULL,
    notification_update_time bigint NOT NULL,
    notification_user_id text COLLATE "C" NOT NULL,
    CONSTRAINT groups_pkey PRIMARY KEY (group_id)
);
CREATE INDEX groups_created ON groups USING btree (create_time DESC, group_id);

CREATE TABLE lanes (
    lane text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    CONSTRAINT lanes_pkey PRIMARY KEY (lane)
);

CREATE TABLE messages (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    send_id text COLLATE "C" NOT NULL,
    client_msg_id text COLLATE "C" NOT NULL,
    server_msg_id text COLLATE "C" NOT NULL,
    content_type integer NOT NULL,
    send_time bigint NOT NULL,
    stored_at bigint NOT NULL,
    is_read smallint NOT NULL,
    body bytea NOT NULL,
    state smallint DEFAULT 0 NOT NULL,
    CONSTRAINT messages_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX messages_seq ON messages USING btree (conversation_id, seq);
CREATE INDEX messages_wiped ON messages USING btree (id) WHERE (state = 2);

CREATE TABLE object_contents (
    digest text COLLATE "C" NOT NULL,
    content_key text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    used_at bigint NOT NULL,
    image_format text COLLATE "C" NOT NULL,
    image_width integer NOT NULL,
    image_height integer NOT NULL,
    CONSTRAINT object_contents_pkey PRIMARY KEY (digest)
);
CREATE UNIQUE INDEX object_contents_key ON object_contents USING btree (content_key);

CREATE TABLE object_garbage (
    content_key text COLLATE "C" NOT NULL,
    CONSTRAINT object_garbage_pkey PRIMARY KEY (content_key)
);

CREATE TABLE object_suspects (
    content_key text COLLATE "C" NOT NULL,
    since bigint NOT NULL,
    CONSTRAINT object_suspects_pkey PRIMARY KEY (content_key)
);
CREATE INDEX object_suspects_since ON object_suspects USING btree (since, content_key);

CREATE TABLE object_thumbnails (
    source_key text COLLATE "C" NOT NULL,
    variant text COLLATE "C" NOT NULL,
    content_key text COLLATE "C" NOT NULL,
    CONSTRAINT object_thumbnails_pkey PRIMARY KEY (source_key, variant)
);

CREATE TABLE object_uploads (
    id text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    content_key text COLLATE "C" NOT NULL,
    digest text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    part_size bigint NOT NULL,
    parts integer NOT NULL,
    storage_id text COLLATE "C" NOT NULL,
    create_time bigint NOT NULL,
    expire_time bigint NOT NULL,
    CONSTRAINT object_uploads_pkey PRIMARY KEY (id)
);
CREATE INDEX object_uploads_expire ON object_uploads USING btree (expire_time, id);
CREATE INDEX object_uploads_user ON object_uploads USING btree (user_id);

CREATE TABLE objects (
    name text COLLATE "C" NOT NULL,
    content_key text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    content_type text COLLATE "C" NOT NULL,
    cause text COLLATE "C" NOT NULL,
    create_time bigint NOT NULL,
    CONSTRAINT objects_pkey PRIMARY KEY (name)
);
CREATE INDEX objects_content ON objects USING btree (content_key);

CREATE TABLE online (
    user_id text COLLATE "C" NOT NULL,
    platform integer NOT NULL,
    node text COLLATE "C" NOT NULL,
    conn_id text COLLATE "C" NOT NULL,
    CONSTRAINT online_pkey PRIMARY KEY (user_id, platform)
);
CREATE INDEX online_node ON online USING btree (node);

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    lane text COLLATE "C" NOT NULL,
    lane_seq bigint NOT NULL,
    command smallint NOT NULL,
    seq bigint NOT NULL,
    operation_id text COLLATE "C" NOT NULL,
    body bytea,
    created_at bigint NOT NULL,
    attempts integer NOT NULL,
    next_at bigint NOT NULL,
    last_error text COLLATE "C" NOT NULL,
    endpoint text COLLATE "C" DEFAULT ''::text NOT NULL,
    dead smallint DEFAULT 0 NOT NULL,
    failed_at bigint DEFAULT 0 NOT NULL,
    base integer DEFAULT 0 NOT NULL,
    message_id bigint DEFAULT 0 NOT NULL,
    CONSTRAINT outbox_pkey PRIMARY KEY (id)
);
CREATE INDEX outbox_attempted ON outbox USING btree (event_id) WHERE (next_at > 0);
CREATE INDEX outbox_dead ON outbox USING btree (endpoint, id) WHERE ((next_at > 0) AND (dead = 1));
CREATE INDEX outbox_due ON outbox USING btree (endpoint, next_at, id) WHERE ((next_at > 0) AND (dead = 0));
CREATE INDEX outbox_fresh ON outbox USING btree (endpoint, id) WHERE (next_at = 0);
CREATE INDEX outbox_message ON outbox USING btree (message_id) WHERE (message_id > 0);

CREATE TABLE push_badges (
    user_id text COLLATE "C" NOT NULL,
    badge bigint NOT NULL,
    CONSTRAINT push_badges_pkey PRIMARY KEY (user_id)
);

CREATE TABLE push_intents (
    message_id text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    done_to text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    operation_id text DEFAULT ''::text NOT NULL,
    CONSTRAINT push_intents_pkey PRIMARY KEY (message_id)
);

CREATE TABLE push_jobs (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    platform integer NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    token text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    send_time bigint NOT NULL,
    note bytea NOT NULL,
    created_at bigint NOT NULL,
    attempts integer NOT NULL,
    next_at bigint NOT NULL,
    claim text COLLATE "C" NOT NULL,
    node text COLLATE "C" NOT NULL,
    lease_until bigint NOT NULL,
    alone smallint DEFAULT 0 NOT NULL,
    CONSTRAINT push_jobs_pkey PRIMARY KEY (id)
);
CREATE INDEX push_jobs_device ON push_jobs USING btree (user_id, platform, id);
CREATE INDEX push_jobs_due ON push_jobs USING btree (next_at, id);
CREATE UNIQUE INDEX push_jobs_target ON push_jobs USING btree (user_id, platform, message_id);

CREATE TABLE push_tokens (
    user_id text COLLATE "C" NOT NULL,
    platform integer NOT NULL,
    token text COLLATE "C" NOT NULL,
    expires_at bigint NOT NULL,
    registered_at bigint DEFAULT 0 NOT NULL,
    CONSTRAINT push_tokens_pkey PRIMARY KEY (user_id, platform)
);
CREATE INDEX push_tokens_token ON push_tokens USING btree (token);

CREATE TABLE revocations (
    conversation_id text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    revoker_id text COLLATE "C" NOT NULL,
    revoker_role integer NOT NULL,
    revoker_nickname text COLLATE "C" NOT NULL,
    revoke_time bigint NOT NULL,
    session_type integer NOT NULL,
    client_msg_id text COLLATE "C" NOT NULL,
    send_id text COLLATE "C" NOT NULL,
    sender_nickname text COLLATE "C" NOT NULL,
    send_time bigint NOT NULL,
    CONSTRAINT revocations_pkey PRIMARY KEY (conversation_id, seq)
);

CREATE TABLE tokens (
    user_id text COLLATE "C" NOT NULL,
    platform integer NOT NULL,
    hash text COLLATE "C" NOT NULL,
    state integer NOT NULL,
    created_at bigint NOT NULL,
    valid_to bigint NOT NULL,
    CONSTRAINT tokens_pkey PRIMARY KEY (user_id, platform, hash)
);

CREATE TABLE user_commands (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    type integer NOT NULL,
    uuid text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    ex text COLLATE "C" NOT NULL,
    create_time bigint NOT NULL,
    CONSTRAINT user_commands_pkey PRIMARY KEY (id)
);
CREATE INDEX user_commands_user ON user_commands USING btree (user_id, type, uuid, id);

CREATE TABLE user_conversations (
    owner_user_id text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    recv_msg_opt integer NOT NULL,
    conversation_type integer NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    group_id text COLLATE "C" NOT NULL,
    is_pinned smallint NOT NULL,
    attached_info text COLLATE "C" NOT NULL,
    is_private_chat smallint NOT NULL,
    group_at_type integer NOT NULL,
    ex text COLLATE "C" NOT NULL,
    burn_duration integer NOT NULL,
    min_seq bigint NOT NULL,
    max_seq bigint NOT NULL,
    msg_destruct_time bigint NOT NULL,
    latest_msg_destruct_time bigint NOT NULL,
    is_msg_destruct smallint NOT NULL,
    create_time bigint NOT NULL,
    CONSTRAINT user_conversations_pkey PRIMARY KEY (owner_user_id, conversation_id)
);
CREATE INDEX user_conversations_destruct ON user_conversations USING btree (owner_user_id, conversation_id) WHERE (is_msg_destruct = 1);
CREATE INDEX user_conversations_order ON user_conversations USING btree (owner_user_id, create_time, conversation_id);
CREATE INDEX user_conversations_peer ON user_conversations USING btree (user_id, owner_user_id) WHERE (user_id <> ''::text);

CREATE TABLE user_seqs (
    user_id text COLLATE "C" NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    min_seq bigint NOT NULL,
    max_seq bigint NOT NULL,
    read_seq bigint NOT NULL,
    CONSTRAINT user_seqs_pkey PRIMARY KEY (user_id, conversation_id)
);

CREATE TABLE users (
    user_id text COLLATE "C" NOT NULL,
    nickname text COLLATE "C" NOT NULL,
    face_url text COLLATE "C" NOT NULL,
    ex text COLLATE "C" NOT NULL,
    create_time bigint NOT NULL,
    app_manger_level integer NOT NULL,
    global_recv_msg_opt integer NOT NULL,
    CONSTRAINT users_pkey PRIMARY KEY (user_id)
);
CREATE INDEX users_order ON users USING btree (create_time, user_id);

CREATE TABLE version_entries (
    list smallint NOT NULL,
    owner text COLLATE "C" NOT NULL,
    element text COLLATE "C" NOT NULL,
    change smallint NOT NULL,
    version bigint NOT NULL,
    place integer NOT NULL,
    CONSTRAINT version_entries_pkey PRIMARY KEY (list, owner, element)
);
CREATE INDEX version_entries_version ON version_entries USING btree (list, owner, version, place);

CREATE TABLE version_logs (
    list smallint NOT NULL,
    owner text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    deleted_to bigint NOT NULL,
    CONSTRAINT version_logs_pkey PRIMARY KEY (list, owner)
);

CREATE TABLE webhook_attempts (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    endpoint text COLLATE "C" NOT NULL,
    attempt integer NOT NULL,
    at bigint NOT NULL,
    status integer NOT NULL,
    took bigint NOT NULL,
    error text COLLATE "C" NOT NULL,
    answer bytea,
    CONSTRAINT webhook_attempts_pkey PRIMARY KEY (id)
);
CREATE INDEX webhook_attempts_event ON webhook_attempts USING btree (event_id);

CREATE TABLE webhook_endpoints (
    id text COLLATE "C" NOT NULL,
    settings text COLLATE "C" NOT NULL,
    paused_at bigint NOT NULL,
    paused_reason text COLLATE "C" NOT NULL,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    deleted_at bigint NOT NULL,
    resumed_to bigint DEFAULT 0 NOT NULL,
    CONSTRAINT webhook_endpoints_pkey PRIMARY KEY (id)
);

CREATE TABLE webhook_leases (
    endpoint text COLLATE "C" NOT NULL,
    node text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL,
    beat bigint NOT NULL,
    CONSTRAINT webhook_leases_pkey PRIMARY KEY (endpoint)
);

CREATE TABLE webhook_log (
    id bigint GENERATED ALWAYS AS IDENTITY NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    endpoint text COLLATE "C" NOT NULL,
    lane text COLLATE "C" NOT NULL,
    lane_seq bigint NOT NULL,
    command smallint NOT NULL,
    seq bigint NOT NULL,
    operation_id text COLLATE "C" NOT NULL,
    body bytea,
    created_at bigint NOT NULL,
    outcome smallint NOT NULL,
    attempts integer NOT NULL,
    settled_at bigint NOT NULL,
    status integer NOT NULL,
    took bigint NOT NULL,
    error text COLLATE "C" NOT NULL,
    answer bytea,
    CONSTRAINT webhook_log_pkey PRIMARY KEY (id)
);
CREATE INDEX webhook_log_event ON webhook_log USING btree (event_id);

CREATE TABLE webhook_version (
    version bigint NOT NULL
);
