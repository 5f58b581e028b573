-- +goose Up
-- A notification for each message and device: a newer one does not take the place of
-- one that waits. A device gets them in the order of their ids. alone is 1 for one that
-- was refused as part of a list: it is sent by itself.
DROP INDEX push_jobs_target;
ALTER TABLE push_jobs ADD COLUMN alone SMALLINT NOT NULL DEFAULT 0;
DELETE FROM push_jobs WHERE id NOT IN (SELECT max(id) FROM push_jobs GROUP BY user_id, platform, message_id);
CREATE UNIQUE INDEX push_jobs_target ON push_jobs (user_id, platform, message_id);
CREATE INDEX push_jobs_device ON push_jobs (user_id, platform, id);

-- When the application registered the token last, ms: a vendor says since when one is dead.
ALTER TABLE push_tokens ADD COLUMN registered_at BIGINT NOT NULL DEFAULT 0;

-- The operationID of the request that sent the message, for the log.
ALTER TABLE push_intents ADD COLUMN operation_id TEXT NOT NULL DEFAULT '';
