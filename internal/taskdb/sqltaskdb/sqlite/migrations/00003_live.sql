-- What may be reused, and what an attempt is at: results are found by the
-- fingerprint of what was done, tasks can begin finished, and the feed tells how
-- attempts get on.

-- +goose Up
ALTER TABLE tasks ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN stage TEXT NOT NULL DEFAULT '';
ALTER TABLE tasks ADD COLUMN told REAL NOT NULL DEFAULT 0; -- progress that the feed told last, of the present attempt
CREATE INDEX tasks_fingerprint ON tasks (owner, fingerprint, id) WHERE fingerprint <> '' AND state = 'finished';

ALTER TABLE events ADD COLUMN progress REAL NOT NULL DEFAULT 0;
ALTER TABLE events ADD COLUMN stage TEXT NOT NULL DEFAULT '';
UPDATE events SET progress = 1 WHERE state = 'finished';

DROP TRIGGER task_created;
DROP TRIGGER task_moved;
DROP TRIGGER task_deleted;

-- +goose StatementBegin
CREATE TRIGGER task_created AFTER INSERT ON tasks WHEN new.state = 'not-started'
BEGIN
    INSERT INTO events (task_id, owner, before, state, deleted, token, at, error_code, error_detail)
    VALUES (new.id, new.owner, '', new.state, 0, new.token, new.created_at, '', '');
    UPDATE counts SET n = n + 1 WHERE state = new.state;
END;
-- +goose StatementEnd

-- What begins in another state has been brought in as it was: it has ended.
-- +goose StatementBegin
CREATE TRIGGER task_born_ended AFTER INSERT ON tasks WHEN new.state <> 'not-started'
BEGIN
    INSERT INTO events (task_id, owner, before, state, deleted, token, at, error_code, error_detail, progress)
    VALUES (new.id, new.owner, '', new.state, 0, new.token, new.created_at, '', '', new.progress);
    UPDATE counts SET n = n + 1 WHERE state = new.state;
    INSERT INTO outbox (seq, task_id, owner, type, payload, url, next_at, created_at)
    SELECT (SELECT max(seq) FROM events), new.id, new.owner, 'task.' || new.state,
        json_object('id', new.id, 'owner', new.owner, 'state', new.state, 'tags', json(new.tags),
            'outputs', json(new.outputs), 'facts', json(CASE new.facts WHEN '' THEN '{}' ELSE new.facts END), 'error', NULL,
            'finishedAt', strftime('%Y-%m-%dT%H:%M:%S', new.finished_at / 1000000, 'unixepoch')
                || printf('.%06dZ', new.finished_at % 1000000)),
        new.callback, new.finished_at, new.finished_at
    WHERE new.callback <> '' AND new.state IN ('finished', 'failed', 'canceled');
    INSERT INTO throughput (second, state, n) SELECT new.finished_at / 1000000, new.state, 1 WHERE new.state IN ('finished', 'failed')
    ON CONFLICT (second, state) DO UPDATE SET n = n + 1;
END;
-- +goose StatementEnd

-- An event tells of an error when the attempt ended by one, which the state or
-- a counter shows; a release has none to tell.
-- +goose StatementBegin
CREATE TRIGGER task_moved AFTER UPDATE OF state ON tasks WHEN old.state <> new.state
BEGIN
    INSERT INTO events (task_id, owner, before, state, deleted, token, at, error_code, error_detail, progress)
    SELECT new.id, new.owner, old.state, new.state, 0, new.token, new.updated_at,
        CASE WHEN erred THEN new.error_code ELSE '' END, CASE WHEN erred THEN new.error_detail ELSE '' END, new.progress
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

-- A claim sets told back, and is told as what it is.
-- +goose StatementBegin
CREATE TRIGGER task_got_on AFTER UPDATE OF told ON tasks WHEN old.state = new.state
BEGIN
    INSERT INTO events (task_id, owner, before, state, deleted, token, at, error_code, error_detail, progress, stage)
    VALUES (new.id, new.owner, new.state, new.state, 0, new.token, new.updated_at, '', '', new.progress, new.stage);
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER task_deleted AFTER DELETE ON tasks
BEGIN
    INSERT INTO events (task_id, owner, before, state, deleted, token, at, error_code, error_detail, progress)
    VALUES (old.id, old.owner, old.state, old.state, 1, old.token, old.updated_at, '', '', old.progress);
    UPDATE counts SET n = n - 1 WHERE state = old.state;
    DELETE FROM task_tags WHERE task_id = old.id;
    DELETE FROM idempotency WHERE task_id = old.id;
    INSERT INTO tombstones (task_id, token, deleted_at) SELECT old.id, old.token, old.updated_at WHERE old.token > 0
    ON CONFLICT (task_id) DO UPDATE SET token = excluded.token, deleted_at = excluded.deleted_at;
END;
-- +goose StatementEnd
