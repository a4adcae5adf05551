package backup

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"minilab/internal/storage"
)

// TestBytesThatCannotBeRead are missing, as far as a restore in part goes.
func TestBytesThatCannotBeRead(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	b := &imageBytes{f, storage.Info{State: storage.InProgress, Key: "a"}}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Read(make([]byte, 1)); !errors.Is(err, ErrIncomplete) || !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v", err)
	}
}
