package storagemeter_test

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
	"minilab/internal/storage/storagemeter"
	"minilab/internal/storage/storagetest"
)

func open(t *testing.T, dir string) (*storagemeter.Store, *prometheus.Registry) {
	t.Helper()
	s, err := filestorage.Open(dir, filestorage.Options{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	reg := prometheus.NewRegistry()
	return storagemeter.New(s, reg), reg
}

func TestStorage(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storagetest.Subject {
		dir := t.TempDir()
		s, _ := open(t, dir)
		return storagetest.Subject{Store: s, Stored: func() int { return files(t, dir) }, Damage: func(state storage.State, key string) {
			if err := damage(filepath.Join(dir, string(state), key)); err != nil {
				t.Fatal(err)
			}
		}}
	}, storagetest.Options{})
}

func files(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	for _, state := range []storage.State{storage.InProgress, storage.Finished} {
		list, err := os.ReadDir(filepath.Join(dir, string(state)))
		if err != nil {
			t.Fatal(err)
		}
		n += len(list)
	}
	return n
}

// damage flips a bit in the middle of a file.
func damage(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[len(data)/2] ^= 0x10
	return os.WriteFile(path, data, 0o600)
}

func TestBytesAreCounted(t *testing.T) {
	s, reg := open(t, t.TempDir())
	image := strings.Repeat("x", 100_000)
	if _, err := s.Put(t.Context(), storage.InProgress, "a", strings.NewReader(image), storage.PutOptions{Size: storage.Unknown}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Put(t.Context(), storage.InProgress, "b", strings.NewReader(image), storage.PutOptions{Size: 7}); err == nil {
		t.Fatal("a body of another length was taken")
	}
	for _, read := range []func(r io.Reader) error{
		func(r io.Reader) error { _, err := io.Copy(io.Discard, r); return err },
		func(r io.Reader) error { _, err := io.ReadFull(r, make([]byte, 5000)); return err },
	} {
		o, err := s.Get(t.Context(), storage.InProgress, "a", storage.Part{Offset: 90_000})
		if err == nil {
			err = read(o.Body)
		}
		if err != nil {
			t.Fatal(err)
		}
		o.Body.Close()
	}
	if _, err := s.Put(t.Context(), storage.Finished, "c", strings.NewReader(image), storage.PutOptions{Size: 100_000}); err != nil {
		t.Fatal(err)
	}
	o, err := s.Get(t.Context(), storage.Finished, "c", storage.Part{})
	if err != nil {
		t.Fatal(err)
	}
	defer o.Body.Close()
	m := storage.MemoryOf(o.Body)
	if m == nil {
		t.Fatal("an image that has just come is not in memory")
	}
	defer m.Close()
	want := map[string]float64{"inProgress in": 100_000, "inProgress out": 15_000, "finished in": 100_000, "finished out": 100_000}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range families[0].Metric {
		series := m.Label[1].GetValue() + " " + m.Label[0].GetValue()
		if n, known := want[series]; !known || n != m.GetCounter().GetValue() {
			t.Errorf("%s: %v", series, m.GetCounter().GetValue())
		}
		delete(want, series)
	}
	if len(want) > 0 {
		t.Errorf("not there: %v", want)
	}
}
