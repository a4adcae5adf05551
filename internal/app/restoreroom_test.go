package app

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"minilab/internal/backup"
	"minilab/internal/fault"
)

// TestRestoreWithoutRoom: it does not begin, and the folder is as good as before.
func TestRestoreWithoutRoom(t *testing.T) {
	d, dir, to := openData(t, t.TempDir()), filepath.Join(t.TempDir(), "b"), filepath.Join(t.TempDir(), "data")
	d.submit("a")
	_, err := back(t, d, dir)
	d.ok(err)
	cfg := cfgFor(to)
	cfg.MinFree = 1 << 60
	var out said
	err = Restore(t.Context(), cfg, dir, false, out.options())
	if !errors.Is(err, fault.ErrNoSpace) || !strings.Contains(err.Error(), "nothing was restored: ") || !strings.Contains(err.Error(), "--min-free keeps 1.0 EiB") {
		t.Errorf("error %v", err)
	}
	d.ok(restored(to))
	for _, name := range []string{"inProgress", taskdbFile, kvFile} {
		if _, err := os.Stat(filepath.Join(to, name)); err == nil {
			t.Errorf("there is %s", name)
		}
	}
	d.ok(Restore(t.Context(), cfgFor(to), dir, false, out.options()))
}

// TestRestoreInPart counts what is there, before and afterwards.
func TestRestoreInPart(t *testing.T) {
	d, dir, to := openData(t, t.TempDir()), filepath.Join(t.TempDir(), "b"), filepath.Join(t.TempDir(), "data")
	d.submit("a") // 11 bytes
	big := d.submit("b" + strings.Repeat("x", 50))
	_, err := back(t, d, dir)
	d.ok(err)
	set, err := backup.Load(dir)
	d.ok(err)
	whole := set.Size()
	d.ok(os.Remove(filepath.Join(dir, "images", big.Source.SHA256[:2], big.Source.SHA256)))
	if part := set.Size(); part != whole-4096 || part <= 2*4096 {
		t.Errorf("%d bytes of %d", part, whole)
	}
	var out said
	if err := Restore(t.Context(), cfgFor(to), dir, true, out.options()); !errors.Is(err, backup.ErrIncomplete) {
		t.Errorf("error %v", err)
	}
	if !strings.Contains(out.String(), "images: 1, 11 B\n") {
		t.Errorf("it says %q", out.String())
	}
}
