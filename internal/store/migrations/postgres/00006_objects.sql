-- +goose Up
-- Files by the name that clients know.
CREATE TABLE objects (
    name         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    content_key  TEXT COLLATE "C" NOT NULL,
    size         BIGINT NOT NULL,
    content_type TEXT COLLATE "C" NOT NULL,
    cause        TEXT COLLATE "C" NOT NULL,
    create_time  BIGINT NOT NULL
);
CREATE INDEX objects_content ON objects (content_key);

-- Contents in the object storage; equal ones are kept once. What is known of a content
-- as an image is filled in when somebody asks for a thumbnail.
CREATE TABLE object_contents (
    digest       TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    content_key  TEXT COLLATE "C" NOT NULL,
    size         BIGINT NOT NULL,
    used_at      BIGINT NOT NULL,
    image_format TEXT COLLATE "C" NOT NULL,
    image_width  INTEGER NOT NULL,
    image_height INTEGER NOT NULL
);
CREATE UNIQUE INDEX object_contents_key ON object_contents (content_key);

-- Contents that have lost a name: they are looked at later, when they may have none.
CREATE TABLE object_suspects (
    content_key TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    since       BIGINT NOT NULL
);
CREATE INDEX object_suspects_since ON object_suspects (since, content_key);

CREATE TABLE object_thumbnails (
    source_key  TEXT COLLATE "C" NOT NULL,
    variant     TEXT COLLATE "C" NOT NULL,
    content_key TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (source_key, variant)
);

-- Uploads that were begun and not completed.
CREATE TABLE object_uploads (
    id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    user_id     TEXT COLLATE "C" NOT NULL,
    content_key TEXT COLLATE "C" NOT NULL,
    digest      TEXT COLLATE "C" NOT NULL,
    size        BIGINT NOT NULL,
    part_size   BIGINT NOT NULL,
    parts       INTEGER NOT NULL,
    storage_id  TEXT COLLATE "C" NOT NULL,
    create_time BIGINT NOT NULL,
    expire_time BIGINT NOT NULL
);
CREATE INDEX object_uploads_user ON object_uploads (user_id);
CREATE INDEX object_uploads_expire ON object_uploads (expire_time, id);

-- Keys of contents that are no longer known above and are to be removed from the storage.
CREATE TABLE object_garbage (
    content_key TEXT COLLATE "C" NOT NULL PRIMARY KEY
);
