package sweeper

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"minilab/internal/kv"
	"minilab/internal/kv/sqlitekv"
	"minilab/internal/pipeline"
	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
	"minilab/internal/taskdb/sqltaskdb/sqlite/sqlitetest"
)

// grace of the fixtures' sweepers; bytes are aged by putting their files back.
const grace = time.Hour

// patience bounds a failing run and nothing else.
const patience = 30 * time.Second

// fixture is a lab's stores, the embedded ones.
type fixture struct {
	testing.TB
	dir    string
	born   time.Time // from which ages are counted, so that equal ones are equal times
	kv     kv.Store
	images storage.Store
	tasks  taskdb.Store
	log    *logged
}

func open(t testing.TB, opt sqltaskdb.Options) *fixture {
	t.Helper()
	f := &fixture{TB: t, dir: t.TempDir(), born: time.Now(), log: &logged{}}
	f.kv = openKV(t, filepath.Join(f.dir, "kv.db"))
	images, err := filestorage.Open(f.dir, filestorage.Options{}, slog.New(slog.DiscardHandler))
	f.ok(err)
	t.Cleanup(func() { images.Close() })
	f.images, f.tasks = images, openTasks(t, f.dir, opt)
	return f
}

func openKV(t testing.TB, path string) kv.Store {
	t.Helper()
	s, err := sqlitekv.Open(t.Context(), sqlitekv.Config{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func openTasks(t testing.TB, dir string, opt sqltaskdb.Options) *sqltaskdb.Store {
	t.Helper()
	opt.Log = slog.New(slog.DiscardHandler)
	if opt.Backoff == nil {
		opt.Backoff = func(int) time.Duration { return time.Millisecond }
	}
	s, err := sqlitetest.Open(t, dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// logged is what the sweepers have logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

func (f *fixture) ok(err error) {
	f.Helper()
	if err != nil {
		f.Fatalf("unexpected error: %v", err)
	}
}

func (f *fixture) is(err, want error) {
	f.Helper()
	if !errors.Is(err, want) {
		f.Fatalf("got the error %v, want %v", err, want)
	}
}

func (f *fixture) sweeper() *Sweeper {
	return New(Config{Tasks: f.tasks, Storage: f.images, KV: f.kv, Every: time.Hour, Grace: grace, Log: slog.New(slog.NewTextHandler(f.log, nil))})
}

// settled has one sweep of the empty lab behind it, in which something has
// happened.
func settled(t testing.TB) *fixture {
	t.Helper()
	f := open(t, sqltaskdb.Options{Lease: time.Hour})
	f.happens()
	f.sweep()
	return f
}

// happens makes events and leaves nothing behind.
func (f *fixture) happens() {
	f.Helper()
	f.create("first")
	_, err := f.tasks.Delete(f.Context(), "first")
	f.ok(err)
	f.ok(f.images.Delete(f.Context(), storage.InProgress, "first"))
}

func (f *fixture) sweep() Swept {
	f.Helper()
	swept, err := f.sweeper().Sweep(f.Context())
	f.ok(err)
	return swept
}

// put stores bytes that were last written so long ago.
func (f *fixture) put(state storage.State, key string, age time.Duration) storage.Info {
	f.Helper()
	i, err := f.images.Put(f.Context(), state, key, strings.NewReader(key), storage.PutOptions{Size: int64(len(key))})
	f.ok(err)
	f.age(state, key, age)
	return i
}

func (f *fixture) age(state storage.State, key string, age time.Duration) {
	f.Helper()
	then := f.born.Add(-age)
	f.ok(os.Chtimes(filepath.Join(f.dir, string(state), key), then, then))
}

// old is more than the grace, young less.
const old, young = 10 * grace, grace / 2

func (f *fixture) has(state storage.State, key string) bool {
	f.Helper()
	_, err := f.images.Stat(f.Context(), state, key)
	if errors.Is(err, storage.ErrNotFound) {
		return false
	}
	f.ok(err)
	return true
}

// keys are all images, "state/key".
func (f *fixture) keys() (list []string) {
	f.Helper()
	for _, state := range []storage.State{storage.InProgress, storage.Finished} {
		for cursor, first := "", true; first || cursor != ""; first = false {
			page, err := f.images.List(f.Context(), state, cursor, 0)
			f.ok(err)
			for _, i := range page.Infos {
				list = append(list, string(state)+"/"+i.Key)
			}
			cursor = page.Next
		}
	}
	return list
}

// create makes a task with its source, which is old.
func (f *fixture) create(id string, set ...func(*taskdb.Task)) taskdb.Task {
	f.Helper()
	t := taskdb.Task{ID: id, Pipeline: pipeline.Default(), Source: taskdb.Blob{Key: id, Size: int64(len(id))}}
	for _, change := range set {
		change(&t)
	}
	f.put(storage.InProgress, t.Source.Key, old)
	t, _, err := f.tasks.Create(f.Context(), t)
	f.ok(err)
	return t
}

// claim leases a task and stores its results, which are old.
func (f *fixture) claim(id string) taskdb.Claimed {
	f.Helper()
	list, err := f.tasks.Claim(f.Context(), taskdb.ClaimRequest{Worker: "w", ID: id})
	f.ok(err)
	for _, o := range list[0].Outputs {
		f.put(storage.Finished, taskdb.ResultKey(list[0].Task, o.Name), old)
	}
	return list[0]
}

func result(c taskdb.Claimed) taskdb.Finish {
	r := taskdb.Finish{ID: c.ID, Lease: c.Lease}
	for _, o := range c.Outputs {
		key := taskdb.ResultKey(c.Task, o.Name)
		sum := sha256.Sum256([]byte(key))
		r.Outputs = append(r.Outputs, taskdb.Output{Name: o.Name, Blob: taskdb.Blob{Key: key, Size: int64(len(key)), SHA256: hex.EncodeToString(sum[:])}})
	}
	return r
}

func (f *fixture) only(errs []error, err error) {
	f.Helper()
	f.ok(errors.Join(append(errs, err)...))
}

func (f *fixture) finish(c taskdb.Claimed) {
	f.Helper()
	f.only(f.tasks.Finish(f.Context(), []taskdb.Finish{result(c)}))
}

func (f *fixture) release(c taskdb.Claimed) {
	f.Helper()
	f.only(f.tasks.Release(f.Context(), []taskdb.Release{{ID: c.ID, Lease: c.Lease}}))
}

func (f *fixture) cancel(id string) {
	f.Helper()
	_, err := f.tasks.Cancel(f.Context(), id)
	f.ok(err)
}

// eventually waits for something to become true.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !is() {
		if !sleep(ctx, time.Millisecond) {
			t.Fatalf("never: %s", what)
		}
	}
}
