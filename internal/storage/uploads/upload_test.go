package uploads

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tus/tusd/v2/pkg/handler"

	"minilab/internal/kv"
	"minilab/internal/kv/kvlock"
	"minilab/internal/kv/sqlitekv"
)

// taking is a body during which the lock is taken away, by a hand.
type taking struct {
	*bytes.Reader
	t     *testing.T
	store kv.Store
	held  *kvlock.Held
}

func (b taking) Read(p []byte) (int, error) {
	if err := b.store.Delete(b.t.Context(), lockPrefix+"x", 0); err != nil {
		b.t.Error(err)
	}
	for end := time.Now().Add(10 * time.Second); b.held.Valid() == nil; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatal("the lock is never lost")
		}
	}
	return b.Reader.Read(p)
}

// TestNothingIsWrittenWithoutTheLock, not even what was already read.
func TestNothingIsWrittenWithoutTheLock(t *testing.T) {
	keys, err := sqlitekv.Open(t.Context(), sqlitekv.Config{Path: filepath.Join(t.TempDir(), "kv.db"), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	held, err := kvlock.New(kvlock.Config{KV: keys, TTL: 10 * time.Second, Name: "a"}).Acquire(t.Context(), lockPrefix+"x", func() {})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Release()
	f, err := os.Create(filepath.Join(t.TempDir(), "bytes"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	u := &upload{store: &store{room: func(int64) error { return nil }}, record: record{Info: handler.FileInfo{Size: 3}}}
	n, err := u.copy(&call{lock: held}, f, 0, taking{bytes.NewReader([]byte("abc")), t, keys, held}, nil)
	if stat, _ := f.Stat(); n != 0 || !errors.Is(err, kvlock.ErrLost) || stat.Size() != 0 {
		t.Errorf("%d bytes were written, %v", n, err)
	}
}
