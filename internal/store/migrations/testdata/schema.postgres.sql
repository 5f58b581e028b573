CREATE TABLE blacks (
    owner_user_id text COLLATE "C" NOT NULL,
    black_user_id text COLLATE "C" NOT NULL,
    create_time bigint NOT NULL,
    add_source integer NOT NULL,
    operator_user_id text COLLATE "C" NOT NULL,
    ex text COLLATE "C" NOT NULL,
    CONSTRAINT blacks_pkey PRIMARY KEY (owner_user_id, black_user_id)
);

CREATE TABLE conversations (
    conversation_id text COLLATE "C" NOT NULL,
    max_seq bigint NOT NULL,
    min_seq bigint NOT NULL,
    max_seq_time bigint NOT NULL,
    hook_seq bigint NOT NULL,
    CONSTRAINT conversations_pkey PRIMARY KEY (conversation_id)
);

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
    CONSTRAINT messages_pkey PRIMARY KEY (id)
);
CREATE UNIQUE INDEX messages_seq ON messages USING btree (conversation_id, seq);

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
    CONSTRAINT outbox_pkey PRIMARY KEY (id)
);
CREATE INDEX outbox_due ON outbox USING btree (next_at) WHERE (next_at > 0);

CREATE TABLE tokens (
    user_id text COLLATE "C" NOT NULL,
    platform integer NOT NULL,
    hash text COLLATE "C" NOT NULL,
    state integer NOT NULL,
    created_at bigint NOT NULL,
    valid_to bigint NOT NULL,
    CONSTRAINT tokens_pkey PRIMARY KEY (user_id, platform, hash)
);

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
CREATE INDEX user_conversations_order ON user_conversations USING btree (owner_user_id, create_time, conversation_id);

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
