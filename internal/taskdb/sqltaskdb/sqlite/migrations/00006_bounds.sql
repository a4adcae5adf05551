-- Whether a task was given to a second request, and how often its attempt has
-- told how it gets on.

-- +goose Up
ALTER TABLE idempotency ADD COLUMN given INTEGER NOT NULL DEFAULT 0; -- to another request than its own
ALTER TABLE tasks ADD COLUMN tells INTEGER NOT NULL DEFAULT 0;       -- of the present attempt
