-- +goose Up
-- Which undelivered events speak of a message: expiry asks about each one.
CREATE INDEX outbox_message ON outbox (lane, seq) WHERE seq > 0;
