-- Webhooks: who wants to be told of an owner's tasks, what is to be sent, and
-- how it went. A row of the outbox is one message to one receiver; whatever
-- inserts it says the receiver, and a trigger here fills in what it tells.

-- +goose Up
CREATE TABLE webhooks (
    id           TEXT PRIMARY KEY,
    owner        TEXT NOT NULL,
    url          TEXT NOT NULL,
    types        TEXT NOT NULL, -- JSON list; empty: all
    tags         TEXT NOT NULL, -- JSON list; empty: whatever the task's
    secret       TEXT NOT NULL,
    old_secret   TEXT NOT NULL, -- until old_until signed with too
    old_until    INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    delivered_at INTEGER NOT NULL, -- last
    disabled_at  INTEGER NOT NULL,
    disabled_why TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_owner ON webhooks (owner, created_at, id);

-- What the callbacks of single tasks are signed with.
CREATE TABLE callback_secrets (
    owner      TEXT PRIMARY KEY,
    secret     TEXT NOT NULL,
    old_secret TEXT NOT NULL,
    old_until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- next_at is also how long a delivery is held by whoever attempts it.
DROP INDEX outbox_next;
ALTER TABLE outbox DROP COLUMN delivered_at;
ALTER TABLE outbox DROP COLUMN given_up_at;
ALTER TABLE outbox DROP COLUMN last_status;
ALTER TABLE outbox ADD COLUMN message TEXT NOT NULL DEFAULT ''; -- the ID that a receiver knows it by
ALTER TABLE outbox ADD COLUMN hook TEXT NOT NULL DEFAULT '';    -- of webhooks; '' for the task's own callback
ALTER TABLE outbox ADD COLUMN hold TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN queued_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN ended_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN outcome TEXT NOT NULL DEFAULT 'pending';
-- Host and port of the URL. What they share a receiver with is told apart by it.
ALTER TABLE outbox ADD COLUMN endpoint TEXT GENERATED ALWAYS AS (
    lower(substr(substr(replace(replace(url, '?', '/'), '#', '/') || '/', instr(url, '://') + 3), 1,
        instr(substr(replace(replace(url, '?', '/'), '#', '/') || '/', instr(url, '://') + 3), '/') - 1))) VIRTUAL;
UPDATE outbox SET message = 'msg_' || lower(hex(randomblob(16))), queued_at = created_at;

CREATE UNIQUE INDEX outbox_message ON outbox (message) WHERE message <> '';
CREATE INDEX outbox_due ON outbox (endpoint, next_at) WHERE ended_at = 0;
CREATE INDEX outbox_hook ON outbox (hook, id) WHERE hook <> '';
CREATE INDEX outbox_ended ON outbox (ended_at) WHERE ended_at > 0;

-- One row for every endpoint to which something is pending, and when the first
-- of that is due: however much waits for one that is slow, it is passed over in
-- one step.
CREATE TABLE outbox_lanes (
    endpoint TEXT PRIMARY KEY,
    next_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_lanes_next ON outbox_lanes (next_at);
INSERT INTO outbox_lanes SELECT endpoint, min(next_at) FROM outbox WHERE ended_at = 0 GROUP BY endpoint;

CREATE TABLE outbox_attempts (
    id       INTEGER PRIMARY KEY,
    delivery INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    took     INTEGER NOT NULL, -- microseconds
    status   INTEGER NOT NULL, -- of HTTP; 0: there was no answer
    error    TEXT NOT NULL
) STRICT;
CREATE INDEX outbox_attempts_delivery ON outbox_attempts (delivery, id);

-- A message tells of the task as it ended, whatever becomes of it: what a
-- receiver may want to know, and no more of it than a message should have.
-- +goose StatementBegin
CREATE TRIGGER outbox_queued AFTER INSERT ON outbox
BEGIN
    UPDATE outbox SET message = 'msg_' || lower(hex(randomblob(16))), queued_at = new.created_at,
        payload = coalesce((SELECT json_object('id', t.id, 'owner', t.owner, 'state', t.state, 'tags', json(t.tags),
                'pipeline', CASE WHEN length(t.pipeline) <= 4096 THEN json(t.pipeline) END,
                'outputs', json((SELECT json_group_array(json_object('name', o.value ->> '$.name', 'contentType', o.value ->> '$.contentType',
                    'size', o.value ->> '$.size', 'sha256', o.value ->> '$.sha256')) FROM json_each(t.outputs) AS o)),
                'facts', CASE WHEN t.facts <> '' AND length(t.facts) <= 8192 THEN json(t.facts) END,
                'error', CASE WHEN t.state = 'failed' THEN json_object('code', t.error_code, 'detail', t.error_detail) END,
                'createdAt', t.created_at, 'finishedAt', t.finished_at, 'expiresAt', t.expires_at)
            FROM tasks AS t WHERE t.id = new.task_id), new.payload)
    WHERE id = new.id;
    INSERT INTO outbox_lanes (endpoint, next_at) SELECT endpoint, next_at FROM outbox WHERE id = new.id
    ON CONFLICT (endpoint) DO UPDATE SET next_at = min(next_at, excluded.next_at);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER outbox_dropped AFTER DELETE ON outbox
BEGIN
    DELETE FROM outbox_attempts WHERE delivery = old.id;
END;
-- +goose StatementEnd

-- Every end of a task is an event, however it came to it.
-- +goose StatementBegin
CREATE TRIGGER webhooks_told AFTER INSERT ON events
WHEN new.state IN ('finished', 'failed', 'canceled') AND new.before <> new.state AND new.deleted = 0
BEGIN
    INSERT INTO outbox (seq, task_id, owner, type, payload, url, hook, next_at, created_at)
    SELECT new.seq, new.task_id, new.owner, 'task.' || new.state, '', w.url, w.id, new.at, new.at
    FROM webhooks AS w
    WHERE w.owner = new.owner AND w.disabled_at = 0
        AND (w.types = '[]' OR EXISTS (SELECT 1 FROM json_each(w.types) WHERE value = 'task.' || new.state))
        AND (w.tags = '[]' OR EXISTS (SELECT 1 FROM tasks AS t, json_each(t.tags) AS g, json_each(w.tags) AS a
            WHERE t.id = new.task_id AND g.value = a.value));
END;
-- +goose StatementEnd
