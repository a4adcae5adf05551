package filestorage_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
	"minilab/internal/storage/storagetest"
)

func TestStorage(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storagetest.Subject {
		dir := t.TempDir()
		return storagetest.Subject{
			Store:  open(t, dir, filestorage.Options{}),
			Stored: func() int { return files(t, dir) },
			Damage: func(state storage.State, key string) { damage(t, filepath.Join(dir, string(state), key)) },
		}
	}, storagetest.Options{})
}

func open(t testing.TB, dir string, opts filestorage.Options) *filestorage.Store {
	t.Helper()
	s, err := filestorage.Open(dir, opts, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func files(t testing.TB, dir string) int {
	t.Helper()
	n := 0
	for _, state := range []string{"inProgress", "finished"} {
		entries, err := os.ReadDir(filepath.Join(dir, state))
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
