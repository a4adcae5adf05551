// Package storagemeter counts the bytes that go into a storage and come out of
// it. It wraps the contract:
//
//	store = storagemeter.New(store, registry)
package storagemeter

import (
	"context"
	"io"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"minilab/internal/storage"
)

// Store is a store whose bytes are counted. It implements storage.Store.
type Store struct {
	storage.Store
	bytes *prometheus.CounterVec
}

// New wraps a store.
func New(s storage.Store, reg prometheus.Registerer) *Store {
	m := &Store{s, prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "minilab_storage_bytes_total",
		Help: "Bytes of images that were stored (in) and read (out), by state of the storage.",
	}, []string{"state", "direction"})}
	for _, state := range []storage.State{storage.InProgress, storage.Finished} {
		m.count(state, "in", 0)
		m.count(state, "out", 0)
	}
	reg.MustRegister(m.bytes)
	return m
}

func (s *Store) count(state storage.State, direction string, n int64) {
	s.bytes.WithLabelValues(string(state), direction).Add(float64(n))
}

// Put implements storage.Store.
func (s *Store) Put(ctx context.Context, state storage.State, key string, r io.Reader, opts storage.PutOptions) (storage.Info, error) {
	info, err := s.Store.Put(ctx, state, key, r, opts)
	if err == nil {
		s.count(state, "in", info.Size)
	}
	return info, err
}

// Get implements storage.Store.
func (s *Store) Get(ctx context.Context, state storage.State, key string, part storage.Part) (storage.Object, error) {
	o, err := s.Store.Get(ctx, state, key, part)
	if err == nil {
		o.Body = &body{o.Body, s.bytes.WithLabelValues(string(state), "out")}
	}
	return o, err
}

// body counts what is read.
type body struct {
	io.ReadCloser
	bytes prometheus.Counter
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.bytes.Add(float64(n))
	return n, err
}

// Memory implements storage.Sealed: who takes the memory reads all of it.
func (b *body) Memory() *os.File {
	m := storage.MemoryOf(b.ReadCloser)
	if m == nil {
		return nil
	}
	if info, err := m.Stat(); err == nil { // memory has a size
		b.bytes.Add(float64(info.Size()))
	}
	return m
}

// WriteTo implements io.WriterTo, so that files still go out by sendfile.
func (b *body) WriteTo(w io.Writer) (int64, error) {
	n, err := io.Copy(w, b.ReadCloser)
	b.bytes.Add(float64(n))
	return n, err
}
