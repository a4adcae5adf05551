-- Which database this is: a lab must not be served by two that differ.

-- +goose Up
CREATE TABLE identity (id TEXT NOT NULL) STRICT;
INSERT INTO identity VALUES (lower(hex(randomblob(16))));
