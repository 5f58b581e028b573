-- +goose Up
-- Where the log files are that clients have uploaded.
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
