package storagehttp_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
	"minilab/internal/storage/storagehttp"
	"minilab/internal/storage/storagetest"
)

func TestStorage(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storagetest.Subject {
		dir := t.TempDir()
		store := engine(t, dir, filestorage.Options{})
		calls := newRunning(store)
		server := serve(t, calls, storagehttp.Options{Idle: time.Minute})
		return storagetest.Subject{
			Store: client(t, server),
			Stored: func() int {
				calls.wait()
				return files(t, dir)
			},
			Damage: func(state storage.State, key string) { damage(t, filepath.Join(dir, string(state), key)) },
		}
	}, storagetest.Options{})
}

// running counts the puts on the server: one whose caller has gone ends later
// than the call.
type running struct {
	storage.Store
	mu  sync.Mutex
	end *sync.Cond
	n   int
}

func newRunning(store storage.Store) *running {
	c := &running{Store: store}
	c.end = sync.NewCond(&c.mu)
	return c
}

func (c *running) Put(ctx context.Context, state storage.State, key string, r io.Reader, opts storage.PutOptions) (storage.Info, error) {
	c.add(1)
	defer c.add(-1)
	return c.Store.Put(ctx, state, key, r, opts)
}

func (c *running) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
	c.end.Broadcast()
}

func (c *running) wait() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.n > 0 {
		c.end.Wait()
	}
}

func engine(t testing.TB, dir string, opts filestorage.Options) *filestorage.Store {
	t.Helper()
	s, err := filestorage.Open(dir, opts, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func serve(t testing.TB, store storage.Store, opts storagehttp.Options) *httptest.Server {
	t.Helper()
	rt := httpx.NewRouter(slog.New(slog.DiscardHandler))
	storagehttp.Route(rt, store, opts)
	server := httptest.NewServer(rt)
	t.Cleanup(server.Close)
	return server
}

func client(t testing.TB, server *httptest.Server) *storagehttp.Client {
	t.Helper()
	transport := httpx.NewTransport()
	t.Cleanup(transport.CloseIdleConnections)
	return storagehttp.NewClient(httpx.NewClient(server.URL, http.RoundTripper(transport)))
}

func files(t testing.TB, dir string) int {
	t.Helper()
	n := 0
	for _, state := range []storage.State{storage.InProgress, storage.Finished} {
		entries, err := os.ReadDir(filepath.Join(dir, string(state)))
		if err != nil {
			t.Fatal(err)
		}
		n += len(entries)
	}
	return n
}

// damage flips a bit in the middle of a file.
func damage(t testing.TB, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 0x10
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
