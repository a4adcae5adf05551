-- The task database: tasks, and what follows from every change of a task. The
-- triggers keep the feed, the counts, the lanes and the outbox in step within
-- the same transaction, so no code path can forget one of them.
--
-- Times are microseconds since 1970, 0 for none; texts are '' for none.

-- +goose Up
CREATE TABLE tasks (
    id               TEXT PRIMARY KEY,
    owner            TEXT NOT NULL,
    state            TEXT NOT NULL CHECK (state IN ('not-started', 'in-progress', 'finished', 'failed', 'canceled')),
    priority         INTEGER NOT NULL,
    tags             TEXT NOT NULL, -- JSON list; searched through task_tags
    needs            TEXT NOT NULL,
    pipeline         TEXT NOT NULL, -- JSON
    outputs          TEXT NOT NULL, -- JSON list
    source_key       TEXT NOT NULL,
    source_size      INTEGER NOT NULL,
    source_sha256    TEXT NOT NULL,
    source_type      TEXT NOT NULL,
    facts            TEXT NOT NULL, -- JSON object
    error_code       TEXT NOT NULL,
    error_detail     TEXT NOT NULL,
    progress         REAL NOT NULL,
    callback         TEXT NOT NULL,
    worker           TEXT NOT NULL,
    token            INTEGER NOT NULL,
    failures         INTEGER NOT NULL,
    crashes          INTEGER NOT NULL,
    lost             INTEGER NOT NULL,
    idempotency_key  TEXT NOT NULL,
    idempotency_hash TEXT NOT NULL,
    run_at           INTEGER NOT NULL,
    keep             INTEGER NOT NULL, -- microseconds
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    started_at       INTEGER NOT NULL,
    finished_at      INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    ready            INTEGER NOT NULL, -- 0: not waiting, 1: waiting for a worker, 2: waiting for run_at
    lease            TEXT NOT NULL,    -- of the last attempt, until it is lost
    lease_until      INTEGER NOT NULL,
    deadline         INTEGER NOT NULL, -- of the attempt
    request          TEXT NOT NULL,    -- by which the claim can be repeated
    CHECK (ready IN (0, 1, 2)),
    CHECK ((ready > 0) = (state = 'not-started')),
    CHECK ((state = 'in-progress') = (lease_until <> 0))
) STRICT;

-- Listings, by id within each.
CREATE INDEX tasks_state ON tasks (state, id);
CREATE INDEX tasks_owner ON tasks (owner, id);
CREATE INDEX tasks_owner_state ON tasks (owner, state, id);
CREATE INDEX tasks_expiry ON tasks (expires_at) WHERE expires_at > 0;

-- Work to give out, by age within a lane; work that waits for its time; leases.
-- Their conditions do not name the state: the planner would rather take
-- tasks_state, and read everything that is in it.
CREATE INDEX tasks_ready ON tasks (owner, priority, needs, created_at, id) WHERE ready = 1;
CREATE INDEX tasks_due ON tasks (run_at) WHERE ready = 2;
CREATE INDEX tasks_oldest ON tasks (created_at) WHERE ready > 0;
CREATE INDEX tasks_lease ON tasks (lease_until) WHERE lease_until > 0;
CREATE INDEX tasks_request ON tasks (worker, request) WHERE request <> '';

CREATE TABLE task_tags (
    tag     TEXT NOT NULL,
    task_id TEXT NOT NULL,
    owner   TEXT NOT NULL,
    PRIMARY KEY (tag, task_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX task_tags_owner ON task_tags (owner, tag, task_id);
CREATE INDEX task_tags_task ON task_tags (task_id);

-- One row for every owner with ready tasks of a priority and a need. turn is
-- when it was last served, counted in claims: the smallest one is next.
CREATE TABLE lanes (
    owner    TEXT NOT NULL,
    priority INTEGER NOT NULL,
    needs    TEXT NOT NULL,
    turn     INTEGER NOT NULL,
    PRIMARY KEY (owner, priority, needs)
) STRICT, WITHOUT ROWID;
CREATE INDEX lanes_next ON lanes (needs, priority DESC, turn);
CREATE INDEX lanes_turn ON lanes (turn);

-- The feed. The row with the largest seq is never deleted, so no seq comes twice.
CREATE TABLE events (
    seq          INTEGER PRIMARY KEY,
    task_id      TEXT NOT NULL,
    owner        TEXT NOT NULL,
    before       TEXT NOT NULL, -- state; '' for a new task
    state        TEXT NOT NULL,
    deleted      INTEGER NOT NULL,
    token        INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    error_code   TEXT NOT NULL,
    error_detail TEXT NOT NULL
) STRICT;

-- The last seq that compaction has removed.
CREATE TABLE compaction (upto INTEGER NOT NULL) STRICT;
INSERT INTO compaction VALUES (0);

CREATE TABLE counts (
    state TEXT PRIMARY KEY,
    n     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counts VALUES ('not-started', 0), ('in-progress', 0), ('finished', 0), ('failed', 0), ('canceled', 0);

-- How many tasks ended in each second.
CREATE TABLE throughput (
    second INTEGER NOT NULL,
    state  TEXT NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (second, state)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency (
    owner      TEXT NOT NULL,
    key        TEXT NOT NULL,
    hash       TEXT NOT NULL,
    task_id    TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_task ON idempotency (task_id);
CREATE INDEX idempotency_expiry ON idempotency (expires_at);

-- The last tokens of deleted tasks: an id that comes again goes on from there.
CREATE TABLE tombstones (
    task_id    TEXT PRIMARY KEY,
    token      INTEGER NOT NULL,
    deleted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tombstones_age ON tombstones (deleted_at);

-- Calls to make: one for each end of a task that has a callback.
CREATE TABLE outbox (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    seq          INTEGER NOT NULL, -- of the event
    task_id      TEXT NOT NULL,
    owner        TEXT NOT NULL,
    type         TEXT NOT NULL, -- task.finished, task.failed, task.canceled
    payload      TEXT NOT NULL, -- JSON
    url          TEXT NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    next_at      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    delivered_at INTEGER NOT NULL DEFAULT 0,
    given_up_at  INTEGER NOT NULL DEFAULT 0,
    last_status  INTEGER NOT NULL DEFAULT 0, -- of HTTP
    last_error   TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX outbox_next ON outbox (next_at) WHERE delivered_at = 0 AND given_up_at = 0;
CREATE INDEX outbox_owner ON outbox (owner, id);
CREATE INDEX outbox_task ON outbox (task_id, id);

-- +goose StatementBegin
CREATE TRIGGER task_created AFTER INSERT ON tasks
BEGIN
    INSERT INTO events (task_id, owner, before, state, deleted, token, at, error_code, error_detail)
    VALUES (new.id, new.owner, '', new.state, 0, new.token, new.created_at, '', '');
    UPDATE counts SET n = n + 1 WHERE state = new.state;
END;
-- +goose StatementEnd

-- An event tells of an error when the attempt ended by one, which the state or
-- a counter shows; a release has none to tell.
-- +goose StatementBegin
CREATE TRIGGER task_moved AFTER UPDATE OF state ON tasks WHEN old.state <> new.state
BEGIN
    INSERT INTO events (task_id, owner, before, state, deleted, token, at, error_code, error_detail)
    SELECT new.id, new.owner, old.state, new.state, 0, new.token, new.updated_at,
        CASE WHEN erred THEN new.error_code ELSE '' END, CASE WHEN erred THEN new.error_detail ELSE '' END
    FROM (SELECT new.state = 'failed' OR new.failures + new.crashes + new.lost > old.failures + old.crashes + old.lost AS erred);
    UPDATE counts SET n = n + CASE state WHEN new.state THEN 1 ELSE -1 END WHERE state IN (old.state, new.state);
    INSERT INTO outbox (seq, task_id, owner, type, payload, url, next_at, created_at)
    SELECT (SELECT max(seq) FROM events), new.id, new.owner, 'task.' || new.state,
        json_object('id', new.id, 'owner', new.owner, 'state', new.state, 'tags', json(new.tags),
            'outputs', json(new.outputs), 'facts', json(CASE new.facts WHEN '' THEN '{}' ELSE new.facts END),
            'error', CASE WHEN new.state = 'failed' THEN json_object('code', new.error_code, 'detail', new.error_detail) END,
            'finishedAt', strftime('%Y-%m-%dT%H:%M:%S', new.finished_at / 1000000, 'unixepoch')
                || printf('.%06dZ', new.finished_at % 1000000)),
        new.callback, new.finished_at, new.finished_at
    WHERE new.callback <> '' AND new.state IN ('finished', 'failed', 'canceled');
    INSERT INTO throughput (second, state, n) SELECT new.finished_at / 1000000, new.state, 1 WHERE new.state IN ('finished', 'failed')
    ON CONFLICT (second, state) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER task_deleted AFTER DELETE ON tasks
BEGIN
    INSERT INTO events (task_id, owner, before, state, deleted, token, at, error_code, error_detail)
    VALUES (old.id, old.owner, old.state, old.state, 1, old.token, old.updated_at, '', '');
    UPDATE counts SET n = n - 1 WHERE state = old.state;
    DELETE FROM task_tags WHERE task_id = old.id;
    DELETE FROM idempotency WHERE task_id = old.id;
    INSERT INTO tombstones (task_id, token, deleted_at) SELECT old.id, old.token, old.updated_at WHERE old.token > 0
    ON CONFLICT (task_id) DO UPDATE SET token = excluded.token, deleted_at = excluded.deleted_at;
END;
-- +goose StatementEnd

-- Lanes come into being with their first ready task, at the end of the round,
-- and go with their last.

-- +goose StatementBegin
CREATE TRIGGER lane_opened_new AFTER INSERT ON tasks
WHEN new.ready = 1 AND NOT EXISTS (SELECT 1 FROM lanes WHERE owner = new.owner AND priority = new.priority AND needs = new.needs)
BEGIN
    INSERT INTO lanes (owner, priority, needs, turn)
    SELECT new.owner, new.priority, new.needs, coalesce(max(turn), 0) + 1 FROM lanes;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER lane_opened AFTER UPDATE OF ready ON tasks
WHEN old.ready <> 1 AND new.ready = 1
    AND NOT EXISTS (SELECT 1 FROM lanes WHERE owner = new.owner AND priority = new.priority AND needs = new.needs)
BEGIN
    INSERT INTO lanes (owner, priority, needs, turn)
    SELECT new.owner, new.priority, new.needs, coalesce(max(turn), 0) + 1 FROM lanes;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER lane_closed AFTER UPDATE OF ready ON tasks
WHEN old.ready = 1 AND new.ready <> 1
    AND NOT EXISTS (SELECT 1 FROM tasks WHERE ready = 1 AND owner = old.owner AND priority = old.priority AND needs = old.needs)
BEGIN
    DELETE FROM lanes WHERE owner = old.owner AND priority = old.priority AND needs = old.needs;
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER lane_closed_deleted AFTER DELETE ON tasks
WHEN old.ready = 1
    AND NOT EXISTS (SELECT 1 FROM tasks WHERE ready = 1 AND owner = old.owner AND priority = old.priority AND needs = old.needs)
BEGIN
    DELETE FROM lanes WHERE owner = old.owner AND priority = old.priority AND needs = old.needs;
END;
-- +goose StatementEnd
