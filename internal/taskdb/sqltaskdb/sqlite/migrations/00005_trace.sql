-- The trace that a task belongs to, as the header traceparent has it: whoever
-- works on the task goes on with it.

-- +goose Up
ALTER TABLE tasks ADD COLUMN trace TEXT NOT NULL DEFAULT '';
