-- +goose Up
-- Where the log files are that clients have uploaded.
CREATE TABLE client_logs (
    id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    log_id        TEXT COLLATE "C" NOT NULL,
    user_id       TEXT COLLATE "C" NOT NULL,
    platform      TEXT COLLATE "C" NOT NULL,
    url           TEXT COLLATE "C" NOT NULL,
    filename      TEXT COLLATE "C" NOT NULL,
    app_framework TEXT COLLATE "C" NOT NULL,
    version       TEXT COLLATE "C" NOT NULL,
    ex            TEXT COLLATE "C" NOT NULL,
    create_time   BIGINT NOT NULL
);
CREATE UNIQUE INDEX client_logs_log_id ON client_logs (log_id);
CREATE INDEX client_logs_user ON client_logs (user_id, id);
