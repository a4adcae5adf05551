package sqltaskdb

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"minilab/internal/taskdb"
)

// columns of a task in the order of row.dest.
const columns = `id, owner, state, priority, tags, needs, pipeline, outputs,
	source_key, source_size, source_sha256, source_type, facts, error_code, error_detail, progress, callback,
	worker, token, failures, crashes, lost, idempotency_key, idempotency_hash,
	run_at, keep, created_at, updated_at, started_at, finished_at, expires_at,
	ready, lease, lease_until, deadline, request, fingerprint, stage, trace`

// places are the "?" for all columns.
var places = strings.TrimPrefix(strings.Repeat(", ?", strings.Count(columns, ",")+1), ", ")

// What the column ready has beside 0, of tasks in not-started.
const (
	ready = 1 // waits for a worker
	later = 2 // waits for its time
)

// row is a task as the table holds it. It is scanned while the writer is held
// and decoded afterwards.
type row struct {
	t                              taskdb.Task // its plain fields
	tags, pipeline, outputs, facts string
	errorCode, errorDetail         string

	runAt, keep, createdAt, updatedAt, startedAt, finishedAt, expiresAt int64

	ready                int
	lease                string
	leaseUntil, deadline int64
	request              string

	created bool // by this call; not in the table
}

func (r *row) dest() []any {
	t := &r.t
	return []any{
		&t.ID, &t.Owner, &t.State, &t.Priority, &r.tags, &t.Needs, &r.pipeline, &r.outputs,
		&t.Source.Key, &t.Source.Size, &t.Source.SHA256, &t.Source.ContentType, &r.facts, &r.errorCode, &r.errorDetail, &t.Progress, &t.Callback,
		&t.Worker, &t.Token, &t.Failures, &t.Crashes, &t.Lost, &t.IdempotencyKey, &t.IdempotencyHash,
		&r.runAt, &r.keep, &r.createdAt, &r.updatedAt, &r.startedAt, &r.finishedAt, &r.expiresAt,
		&r.ready, &r.lease, &r.leaseUntil, &r.deadline, &r.request, &t.Fingerprint, &t.Stage, &t.Trace,
	}
}

func (r *row) values() []any {
	t := &r.t
	return []any{
		t.ID, t.Owner, string(t.State), t.Priority, r.tags, t.Needs, r.pipeline, r.outputs,
		t.Source.Key, t.Source.Size, t.Source.SHA256, t.Source.ContentType, r.facts, r.errorCode, r.errorDetail, t.Progress, t.Callback,
		t.Worker, t.Token, t.Failures, t.Crashes, t.Lost, t.IdempotencyKey, t.IdempotencyHash,
		r.runAt, r.keep, r.createdAt, r.updatedAt, r.startedAt, r.finishedAt, r.expiresAt,
		r.ready, r.lease, r.leaseUntil, r.deadline, r.request, t.Fingerprint, t.Stage, t.Trace,
	}
}

// valueSize is what a value in a JSON text counts for beside its bytes: readers
// take a limited number of them (see httpx), and a worker's facts may be nothing
// but commas.
const valueSize = 64

// size is about how many bytes of a page the row takes.
func (r *row) size() int {
	t := &r.t
	size := len(r.tags) + len(r.pipeline) + len(r.outputs) + len(r.facts) + len(r.errorDetail) + len(t.Callback) + len(t.Source.Key)
	for _, text := range []string{r.tags, r.pipeline, r.outputs, r.facts} {
		size += valueSize * (strings.Count(text, ",") + strings.Count(text, "[") + strings.Count(text, "{"))
	}
	return size
}

// newRow is the row of a task to be created, of what its customer decides.
func newRow(t taskdb.Task) (*row, error) {
	if err := taskdb.CheckNew(t); err != nil {
		return nil, err
	}
	r := &row{t: taskdb.Task{
		ID: t.ID, Owner: or(t.Owner, taskdb.DefaultOwner), State: taskdb.NotStarted, Priority: t.Priority,
		Tags: t.Tags, Needs: or(t.Needs, taskdb.DefaultNeeds), Source: t.Source, Callback: t.Callback,
		IdempotencyKey: t.IdempotencyKey, IdempotencyHash: t.IdempotencyHash, Fingerprint: t.Fingerprint, Trace: t.Trace,
	}}
	r.runAt, r.keep = micros(t.RunAt), t.Keep.Microseconds()
	wanted := make([]taskdb.Output, 0, max(1, len(t.Outputs)))
	for _, o := range t.Outputs {
		wanted = append(wanted, taskdb.Output{Name: o.Name, Pipeline: o.Pipeline})
	}
	if len(wanted) == 0 {
		wanted = append(wanted, taskdb.Output{})
	}
	if t.State == taskdb.Finished {
		r.t.State, r.t.Progress, wanted = t.State, 1, t.Outputs
		if err := r.setFacts(t.Facts); err != nil {
			return nil, err
		}
	}
	tags := t.Tags
	if tags == nil {
		tags = []string{}
	}
	return r, encode(&r.tags, tags, &r.pipeline, t.Pipeline, &r.outputs, wanted)
}

func (r *row) setFacts(facts json.RawMessage) error {
	if len(facts) == 0 {
		return nil
	}
	return encode(&r.facts, facts)
}

// encode puts values as JSON into texts; its arguments are pairs.
func encode(pairs ...any) error {
	for i := 0; i < len(pairs); i += 2 {
		data, err := json.Marshal(pairs[i+1])
		if err != nil {
			return err
		}
		*pairs[i].(*string) = string(data)
	}
	return nil
}

// decode reads JSON texts into values; its arguments are pairs.
func decode(pairs ...any) error {
	for i := 0; i < len(pairs); i += 2 {
		if err := json.Unmarshal([]byte(pairs[i].(string)), pairs[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// task decodes a row.
func (r *row) task() (taskdb.Task, error) {
	t := r.t
	t.Tags = nil // a caller's slice when the row is new
	var outputs []bareOutput
	if err := decode(r.tags, &t.Tags, r.outputs, &outputs); err != nil {
		return t, fmt.Errorf("task %q: %w", t.ID, err)
	}
	t.Pipeline, t.Outputs = nil, nil
	if err := decode(r.pipeline, &t.Pipeline, r.outputs, &t.Outputs); err != nil {
		// Another version wrote it, whose operations were others. Nobody can do this
		// one, and it must not stand in the way of the rest.
		t.Pipeline, t.Outputs = nil, bare(outputs)
	}
	if len(t.Tags) == 0 {
		t.Tags = nil
	}
	if r.facts != "" {
		t.Facts = json.RawMessage(r.facts)
	}
	t.Error = errorOf(r.errorCode, r.errorDetail)
	t.Keep = time.Duration(r.keep) * time.Microsecond
	t.RunAt, t.CreatedAt, t.UpdatedAt = at(r.runAt), at(r.createdAt), at(r.updatedAt)
	t.StartedAt, t.FinishedAt, t.ExpiresAt = at(r.startedAt), at(r.finishedAt), at(r.expiresAt)
	return t, nil
}

// bareOutput is an output without its pipeline.
type bareOutput struct {
	Name string `json:"name"`
	taskdb.Blob
}

func bare(list []bareOutput) []taskdb.Output {
	out := make([]taskdb.Output, len(list))
	for i, o := range list {
		out[i] = taskdb.Output{Name: o.Name, Blob: o.Blob}
	}
	return out
}

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

func scanRow(s scanner) (*row, error) {
	r := &row{}
	if err := s.Scan(r.dest()...); err != nil {
		return nil, err
	}
	return r, nil
}

// scanRows reads all rows and closes them.
func scanRows(rows *sql.Rows, err error) ([]*row, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []*row
	for rows.Next() {
		r, err := scanRow(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

func errorOf(code, detail string) *taskdb.Error {
	if code == "" {
		return nil
	}
	return &taskdb.Error{Code: code, Detail: detail}
}

// micros is a time as the tables hold it, 0 for none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func at(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

func or(text, def string) string {
	if text == "" {
		return def
	}
	return text
}
