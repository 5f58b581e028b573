-- +goose Up
-- The last event that the outbox held when the endpoint was resumed: what it has up to
-- there is a backlog, which is sent at a rate. 0: it was never resumed.
ALTER TABLE webhook_endpoints ADD COLUMN resumed_to BIGINT NOT NULL DEFAULT 0;
