package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"minilab/internal/kv"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
)

// tree is everything in a folder.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, path))
		all[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// refused backs up into a folder that must be left as it is.
func refused(t testing.TB, data, dir string) {
	t.Helper()
	before := tree(t, dir)
	var out said
	err := Backup(t.Context(), cfgFor(data), dir, out.options())
	if !errors.Is(err, errOther) || !strings.Contains(err.Error(), "choose another folder, or remove that backup by hand") {
		t.Errorf("error %v, %s", err, out.String())
	}
	if !equal(tree(t, dir), before) {
		t.Error("the backup before is changed")
	}
}

// older takes the identity out of a backup, as one from before identities.
func older(dir string) error {
	return edit(filepath.Join(dir, "backup.json"), func(m map[string]any) { delete(m, "identity") })
}

// TestBackupOfAnotherLab never replaces one, and neither does that of the same
// lab after it was emptied; the lab itself goes on, and one restored from it.
func TestBackupOfAnotherLab(t *testing.T) {
	for _, old := range []bool{false, true} {
		t.Run(fmt.Sprintf("old %v", old), func(t *testing.T) {
			d, other, empty := openData(t, t.TempDir()), openData(t, t.TempDir()), openData(t, t.TempDir())
			dir := filepath.Join(t.TempDir(), "b")
			d.submit("a")
			d.finish("a")
			other.submit("a") // at the same place of the feed
			other.finish("a")
			for _, id := range []string{"b", "c"} {
				other.submit(id)
			}
			_, err := back(t, d, dir)
			d.ok(err)
			if old {
				d.ok(older(dir))
			}
			refused(t, other.dir, dir)
			refused(t, empty.dir, dir)
			r := restoredFrom(t, dir)
			if got := r.whole(); !equal(got, map[string]taskdb.State{"a": "finished"}) {
				t.Errorf("tasks %v", got)
			}
			d.submit("later")
			_, err = back(t, d, dir)
			d.ok(err)
			r.submit("anew")
			_, err = back(t, r, dir)
			d.ok(err)
			if got := restoredFrom(t, dir).whole(); !equal(got, map[string]taskdb.State{"a": "finished", "anew": "not-started"}) {
				t.Errorf("tasks %v", got)
			}
		})
	}
}

// TestOldBackupInDoubt: the feed may have lost what would tell the lab.
func TestOldBackupInDoubt(t *testing.T) {
	d, dir := openData(t, t.TempDir()), filepath.Join(t.TempDir(), "b")
	d.submit("a")
	_, err := back(t, d, dir)
	d.ok(err)
	r := restoredFrom(t, dir) // a feed that begins anew
	d.ok(older(dir))
	refused(t, r.dir, dir)
}

// TestEmptiedStorage: where no task database says what was deleted, a storage
// with none of the images is another one, and a store of keys at an earlier
// revision too.
func TestEmptiedStorage(t *testing.T) {
	d, dir := openData(t, t.TempDir()), filepath.Join(t.TempDir(), "b")
	for _, key := range []string{"a", "b"} {
		d.put(storage.Finished, key, "the bytes of "+key)
	}
	one, keys, keysDir := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "b")
	for _, part := range []string{"inProgress", "finished"} {
		d.ok(os.Symlink(filepath.Join(d.dir, part), filepath.Join(one, part)))
	}
	for _, part := range []string{kvFile, kvFile + "-wal"} {
		d.ok(os.Symlink(filepath.Join(d.dir, part), filepath.Join(keys, part)))
	}
	_, _, err := d.kv.Put(t.Context(), "presets/web", []byte("swap"), kv.PutOptions{})
	d.ok(err)
	var out said
	d.ok(Backup(t.Context(), cfgFor(one), dir, out.options()))
	d.ok(Backup(t.Context(), cfgFor(keys), keysDir, out.options()))
	d.ok(d.images.Delete(t.Context(), storage.Finished, "a"))
	d.ok(Backup(t.Context(), cfgFor(one), dir, out.options()))
	d.ok(Backup(t.Context(), cfgFor(keys), keysDir, out.options()))
	d.put(storage.Finished, "b", "other bytes")
	d.put(storage.Finished, "c", "new bytes")
	refused(t, one, dir)
	refused(t, openData(t, t.TempDir()).dir, keysDir)
}
