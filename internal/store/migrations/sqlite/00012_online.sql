-- +goose Up
-- Platforms of users whose end receivers of events are to be told of, and the node
-- that holds the connection: those of a node that died are told by others.
CREATE TABLE online (
    user_id  TEXT NOT NULL,
    platform INTEGER NOT NULL,
    node     TEXT NOT NULL,
    conn_id  TEXT NOT NULL,
    PRIMARY KEY (user_id, platform)
) WITHOUT ROWID;
CREATE INDEX online_node ON online (node);
