package filestorage_test

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
)

// TestViewBesideItsStore: what a store has put is read by a view, and links and
// foreign files are no images to either.
func TestViewBesideItsStore(t *testing.T) {
	ctx, dir := t.Context(), t.TempDir()
	if _, err := filestorage.Beside(dir, slog.New(slog.DiscardHandler)); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a view of nothing: %v", err)
	}
	s := open(t, dir, filestorage.Options{})
	v, err := filestorage.Beside(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	key := strings.Repeat("long/", 100)
	put, err := s.Put(ctx, storage.Finished, key, strings.NewReader("bytes"), storage.PutOptions{ContentType: "image/png", Size: storage.Unknown})
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret")
	if err := errors.Join(os.WriteFile(secret, []byte("s"), 0o600), os.Symlink(secret, filepath.Join(dir, "finished", "link")),
		os.WriteFile(filepath.Join(dir, "finished", "NOTES.txt"), nil, 0o600), os.Mkdir(filepath.Join(dir, "finished", "folder"), 0o700)); err != nil {
		t.Fatal(err)
	}
	page, err := v.List(ctx, storage.Finished, "", 0)
	if err != nil || len(page.Infos) != 1 || page.Infos[0] != put {
		t.Errorf("listed %+v, %v, want %+v", page, err, put)
	}
	if _, err := v.Get(ctx, storage.Finished, "link", storage.Part{}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a link: %v", err)
	}
	o, err := v.Get(ctx, storage.Finished, key, storage.Part{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, storage.Finished, key); err != nil { // while it is read
		t.Fatal(err)
	}
	defer o.Body.Close()
	if got, err := io.ReadAll(o.Body); string(got) != "bytes" || err != nil || o.Info != put {
		t.Errorf("%q %+v, %v", got, o.Info, err)
	}
	if _, err := v.Get(ctx, storage.Finished, key, storage.Part{}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a deleted image: %v", err)
	}
}

// TestViewOfOneFolder: an image of a state that has no folder is not there.
func TestViewOfOneFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "inProgress"), 0o700); err != nil {
		t.Fatal(err)
	}
	v, err := filestorage.Beside(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if page, err := v.List(t.Context(), storage.Finished, "", 0); err != nil || len(page.Infos) != 0 {
		t.Errorf("%+v, %v", page, err)
	}
	if _, err := v.Get(t.Context(), storage.Finished, "a", storage.Part{}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("%v", err)
	}
}
