-- +goose Up
-- Platforms of users whose end receivers of events are to be told of, and the node
-- that holds the connection: those of a node that died are told by others.
CREATE TABLE online (
    user_id  TEXT COLLATE "C" NOT NULL,
    platform INTEGER NOT NULL,
    node     TEXT COLLATE "C" NOT NULL,
    conn_id  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (user_id, platform)
);
CREATE INDEX online_node ON online (node);
