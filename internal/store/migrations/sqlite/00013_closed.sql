-- +goose Up
-- 1 if the conversation takes no more messages: its group is dismissed.
ALTER TABLE conversations ADD COLUMN closed SMALLINT NOT NULL DEFAULT 0;
UPDATE conversations SET closed = 1 WHERE conversation_id IN (SELECT 'sg_' || group_id FROM groups WHERE status = 2);
