package leases

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/kv/sqlitekv"
	"minilab/internal/lab"
	"minilab/internal/lab/labhttp"
	"minilab/internal/master"
	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
	"minilab/internal/taskdb/sqltaskdb/sqlite"
	"minilab/internal/taskdb/taskdbhttp"
)

// The times of the lab, by the injected clock. A lease is longer than any test
// takes, for the engine's own reaper goes by the real time, and nobody writes
// down what it does.
const (
	leaseTime = 20 * time.Minute
	deadline  = 5 * leaseTime
)

func backoff(n int) time.Duration { return time.Duration(n) * leaseTime / 4 }

// parts is a lab in one process.
type parts struct {
	lab    lab.Lab
	tasks  taskdb.Store
	images storage.Store
	reap   func(ctx context.Context) (int, error)
	door   *doorway
}

// open makes an empty lab of real parts: with wire each calls the other over
// HTTP, else directly. What around gives stands before the task database.
func open(t *testing.T, c *clock, wire bool, around func(taskdb.Store) taskdb.Store) parts {
	t.Helper()
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	presets, err := sqlitekv.Open(t.Context(), sqlitekv.Config{Path: filepath.Join(dir, "kv.db")})
	must(t, err)
	t.Cleanup(func() { presets.Close() })
	images, err := filestorage.Open(dir, filestorage.Options{}, log)
	must(t, err)
	t.Cleanup(func() { images.Close() })
	engine, err := sqlite.Open(t.Context(), dir, sqltaskdb.Options{
		Lease: leaseTime, Deadline: deadline, Backoff: backoff, Now: c.Now, Log: log,
	})
	must(t, err)
	t.Cleanup(func() { engine.Close() })
	p := parts{images: images, reap: engine.Reap, door: &doorway{Store: around(engine), leave: map[string]func(){}}}
	p.tasks = p.door
	if wire {
		p.tasks = taskdbhttp.NewClient(serve(t, func(rt *httpx.Router) { taskdbhttp.Route(rt, p.door) }))
	}
	m := master.New(master.Config{DB: p.tasks, Storage: images, Presets: master.NewPresets(presets), StorageURL: func() string { return "" }, Log: log})
	t.Cleanup(m.Close)
	p.lab = m
	if wire {
		p.lab = labhttp.NewClient(serve(t, func(rt *httpx.Router) {
			labhttp.Route(rt, m)
		}))
	}
	return p
}

func serve(t *testing.T, route func(rt *httpx.Router)) *httpx.Client {
	rt := httpx.NewRouter(slog.New(slog.DiscardHandler))
	route(rt)
	srv := httptest.NewServer(rt)
	t.Cleanup(srv.Close)
	transport := httpx.NewTransport()
	t.Cleanup(transport.CloseIdleConnections)
	return httpx.NewClient(srv.URL, transport)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// doorway is where callers leave: right after their claim was committed,
// before its answer is on the way.
type doorway struct {
	taskdb.Store
	mu    sync.Mutex
	leave map[string]func() // by worker and request
}

func (d *doorway) expect(worker, request string, leave func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.leave[worker+" "+request] = leave
}

// Claim implements taskdb.Leases.
func (d *doorway) Claim(ctx context.Context, r taskdb.ClaimRequest) ([]taskdb.Claimed, error) {
	list, err := d.Store.Claim(ctx, r)
	key := r.Worker + " " + r.Request
	d.mu.Lock()
	leave := d.leave[key]
	delete(d.leave, key)
	d.mu.Unlock()
	if leave != nil {
		leave()
	}
	return list, err
}
