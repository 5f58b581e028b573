-- +goose Up
-- Who has blocked a user: their lists change with the user's name.
CREATE INDEX blacks_black ON blacks (black_user_id, owner_user_id);
