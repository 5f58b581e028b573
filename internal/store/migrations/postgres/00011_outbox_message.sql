-- +goose Up
-- The message an event speaks of, by its place in the log; 0: none. An index of it
-- grows at its end, where one of conversations and numbers changes a page for each conversation.
ALTER TABLE outbox ADD COLUMN message_id BIGINT NOT NULL DEFAULT 0;
UPDATE outbox SET message_id = COALESCE((SELECT id FROM messages m WHERE m.conversation_id = outbox.lane AND m.seq = outbox.seq), 0) WHERE seq > 0;
DROP INDEX outbox_message;
CREATE INDEX outbox_message ON outbox (message_id) WHERE message_id > 0;
