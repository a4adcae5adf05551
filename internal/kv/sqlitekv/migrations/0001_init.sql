-- +goose Up
CREATE TABLE store (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL
) STRICT;
INSERT INTO store (id, revision) VALUES (1, 0);

-- Keys are bytes: they are compared and ordered as such.
CREATE TABLE entries (
    key      BLOB    NOT NULL PRIMARY KEY,
    value    BLOB    NOT NULL,
    revision INTEGER NOT NULL,
    ttl      INTEGER NOT NULL -- nanoseconds, 0: does not expire
) STRICT;
CREATE INDEX entries_expiring ON entries (key) WHERE ttl > 0;

-- The latest changes, one for each revision.
CREATE TABLE events (
    revision INTEGER PRIMARY KEY,
    key      BLOB    NOT NULL,
    value    BLOB    NOT NULL,
    ttl      INTEGER NOT NULL,
    deleted  INTEGER NOT NULL
) STRICT;
