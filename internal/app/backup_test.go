package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"minilab/internal/backup"
	"minilab/internal/config"
	"minilab/internal/kv"
	"minilab/internal/kv/sqlitekv"
	"minilab/internal/pipeline"
	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
	"minilab/internal/taskdb/sqltaskdb/sqlite"
)

// data is a data folder with its engines open, as a lab has them.
type data struct {
	testing.TB
	dir    string
	kv     kv.Store
	images storage.Store
	tasks  taskdb.Store
}

func cfgFor(dir string) config.Config {
	return config.Config{Data: dir, KVEngine: "sqlite", StorageEngine: "file", TaskdbEngine: "sqlite"}
}

func openData(t testing.TB, dir string) *data {
	t.Helper()
	d, log := &data{TB: t, dir: dir}, slog.New(slog.DiscardHandler)
	k, err := sqlitekv.Open(t.Context(), sqlitekv.Config{Path: filepath.Join(dir, kvFile)})
	d.ok(err)
	t.Cleanup(func() { k.Close() })
	s, err := filestorage.Open(dir, filestorage.Options{}, log)
	d.ok(err)
	t.Cleanup(func() { s.Close() })
	db, err := sqlite.Open(t.Context(), dir, sqltaskdb.Options{Log: log})
	d.ok(err)
	t.Cleanup(func() { db.Close() })
	d.kv, d.images, d.tasks = k, s, db
	return d
}

func (d *data) ok(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// submit makes a task as a master does: first its bytes, which differ.
func (d *data) submit(id string) taskdb.Task {
	d.Helper()
	t := taskdb.Task{ID: id, Pipeline: pipeline.Default(), Source: d.put(storage.InProgress, id, "source of "+id)}
	t, _, err := d.tasks.Create(d.Context(), t)
	d.ok(err)
	return t
}

func (d *data) put(state storage.State, key, text string) taskdb.Blob {
	d.Helper()
	i, err := d.images.Put(d.Context(), state, key, strings.NewReader(text), storage.PutOptions{ContentType: "image/png", Size: int64(len(text))})
	d.ok(err)
	return taskdb.Blob{Key: key, Size: i.Size, SHA256: i.SHA256, ContentType: i.ContentType}
}

// finish works on a task as a worker does.
func (d *data) finish(id string) {
	d.Helper()
	c := d.claim(id)
	key := taskdb.ResultKey(c.Task, "")
	out := d.put(storage.Finished, key, "result of "+id)
	errs, err := d.tasks.Finish(d.Context(), []taskdb.Finish{{ID: id, Lease: c.Lease, Outputs: []taskdb.Output{{Blob: out}}}})
	d.ok(errors.Join(append(errs, err)...))
}

func (d *data) claim(id string) taskdb.Claimed {
	d.Helper()
	list, err := d.tasks.Claim(d.Context(), taskdb.ClaimRequest{Worker: "w", ID: id})
	d.ok(err)
	return list[0]
}

// remove deletes a task as the lab does: first its row.
func (d *data) remove(id string) {
	d.Helper()
	t, err := d.tasks.Get(d.Context(), id)
	d.ok(err)
	_, err = d.tasks.Delete(d.Context(), id)
	d.ok(err)
	for _, n := range pointers(t) {
		d.ok(d.images.Delete(d.Context(), n.state, n.Key))
	}
}

// whole checks that every image that a task points to is there, and gives the
// tasks' states.
func (d *data) whole() map[string]taskdb.State {
	d.Helper()
	page, err := d.tasks.List(d.Context(), taskdb.Filter{})
	d.ok(err)
	states := map[string]taskdb.State{}
	for _, t := range page.Tasks {
		states[t.ID] = t.State
		for _, n := range pointers(t) {
			o, err := d.images.Get(d.Context(), n.state, n.Key, storage.Part{})
			d.ok(err)
			var text bytes.Buffer
			_, err = text.ReadFrom(o.Body)
			d.ok(errors.Join(err, o.Body.Close()))
			want := map[storage.State]string{storage.InProgress: "source of " + t.ID, storage.Finished: "result of " + t.ID}[n.state]
			if text.String() != want || o.ContentType != n.ContentType || o.SHA256 != n.SHA256 {
				d.Errorf("%s/%s is %q %+v, want %q %+v", n.state, n.Key, text.String(), o.Info, want, n.Blob)
			}
		}
	}
	return states
}

func (d *data) file(state storage.State, key string) string {
	return filepath.Join(d.dir, string(state), key)
}

// said is what a command says.
type said struct{ bytes.Buffer }

func (s *said) options() BackupOptions {
	return BackupOptions{Version: "test", Out: s, Log: slog.New(slog.DiscardHandler)}
}

func back(t testing.TB, d *data, dir string) (string, error) {
	t.Helper()
	var out said
	err := Backup(t.Context(), cfgFor(d.dir), dir, out.options())
	return out.String(), err
}

// restoredFrom restores a backup into a new folder and opens it.
func restoredFrom(t testing.TB, dir string) *data {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	var out said
	if err := Restore(t.Context(), cfgFor(to), dir, false, out.options()); err != nil {
		t.Fatal(err)
	}
	return openData(t, to)
}

func TestBackupHoldsWhatTasksPointTo(t *testing.T) {
	d, dir := openData(t, t.TempDir()), filepath.Join(t.TempDir(), "b")
	for _, id := range []string{"done", "done2", "waits", "works"} {
		d.submit(id)
	}
	d.finish("done")
	d.finish("done2")
	d.claim("works")
	d.put(storage.InProgress, "upload-under-way", "no task yet")
	d.put(storage.Finished, "works.1", "not reported yet")
	_, _, err := d.kv.Put(t.Context(), "presets/web", []byte("swap"), kv.PutOptions{})
	d.ok(err)
	_, _, err = d.kv.Put(t.Context(), "services/kv/x", []byte("{}"), kv.PutOptions{TTL: time.Hour})
	d.ok(err)
	out, err := back(t, d, dir)
	d.ok(err)
	if !strings.Contains(out, "images: 6, ") || !strings.Contains(out, "copied: 6, ") {
		t.Errorf("it says %q", out)
	}
	d.submit("later")

	r := restoredFrom(t, dir)
	got := r.whole()
	want := map[string]taskdb.State{"done": "finished", "done2": "finished", "waits": "not-started", "works": "not-started"}
	if !equal(got, want) {
		t.Errorf("tasks %v", got)
	}
	for state, n := range map[storage.State]int{storage.InProgress: 4, storage.Finished: 2} {
		if page, err := r.images.List(t.Context(), state, "", 0); err != nil || len(page.Infos) != n {
			t.Errorf("%s has %d images, %v", state, len(page.Infos), err)
		}
	}
	if e, err := r.kv.Get(t.Context(), "presets/web"); err != nil || string(e.Value) != "swap" {
		t.Errorf("preset %q, %v", e.Value, err)
	}
	if _, err := r.kv.Get(t.Context(), "services/kv/x"); !errors.Is(err, kv.ErrNotFound) {
		t.Errorf("a registration is back: %v", err)
	}
	d.finish("waits")
	out, err = back(t, d, dir)
	d.ok(err)
	if !strings.Contains(out, "images: 8, ") || !strings.Contains(out, "copied: 2, ") {
		t.Errorf("the second time it says %q", out)
	}
	if got := restoredFrom(t, dir).whole(); got["waits"] != taskdb.Finished || got["later"] != taskdb.NotStarted {
		t.Errorf("tasks %v", got)
	}
}

func equal[K comparable, V comparable](a, b map[K]V) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if b[k] != v {
			return false
		}
	}
	return true
}

// meanwhile makes a backup in which something happens right after the moment of
// which it is.
func meanwhile(t testing.TB, d *data, dir string, happens func()) backup.Manifest {
	t.Helper()
	return copied(t, d, dir, func(*copying) { happens() })
}

func copied(t testing.TB, d *data, dir string, happens func(*copying)) backup.Manifest {
	t.Helper()
	c := &copying{data: d.dir, dropped: map[string]bool{}}
	d.ok(c.look(slog.New(slog.DiscardHandler)))
	var err error
	c.dir, err = backup.Open(dir, time.Now())
	d.ok(err)
	d.ok(c.snapshots(t.Context()))
	happens(c)
	d.ok(c.rest(t.Context()))
	d.ok(c.dir.Close())
	return c.manifest
}

func TestTasksThatGoWhileTheyAreCopied(t *testing.T) {
	d, dir := openData(t, t.TempDir()), filepath.Join(t.TempDir(), "b")
	for _, id := range []string{"stays", "goes", "goes-done", "again"} {
		d.submit(id)
	}
	d.finish("goes-done")
	m := meanwhile(t, d, dir, func() {
		for _, id := range []string{"goes", "goes-done", "again"} {
			d.remove(id)
		}
		d.submit("again")
	})
	if strings.Join(m.Dropped, " ") != "goes goes-done" || len(m.Damaged) > 0 {
		t.Errorf("dropped %v, damaged %v", m.Dropped, m.Damaged)
	}
	if got := restoredFrom(t, dir).whole(); !equal(got, map[string]taskdb.State{"stays": "not-started", "again": "not-started"}) {
		t.Errorf("tasks %v", got)
	}
	// what an earlier backup has is not lost to who comes late
	m = meanwhile(t, d, dir, func() { d.remove("stays") })
	if len(m.Dropped) > 0 {
		t.Errorf("dropped %v", m.Dropped)
	}
	if got := restoredFrom(t, dir).whole(); got["stays"] != taskdb.NotStarted {
		t.Errorf("tasks %v", got)
	}
}

// TestDamagedImages: each is named, the rest is saved, and what an earlier
// backup has is whole.
func TestDamagedImages(t *testing.T) {
	d, dir := openData(t, t.TempDir()), filepath.Join(t.TempDir(), "b")
	d.submit("saved")
	_, err := back(t, d, dir)
	d.ok(err)
	for _, id := range []string{"flipped", "cut", "absent", "replaced", "fine"} {
		d.submit(id)
	}
	d.put(storage.InProgress, "replaced", "other bytes, by a hand")
	d.ok(os.Remove(d.file(storage.InProgress, "absent")))
	d.ok(os.Truncate(d.file(storage.InProgress, "cut"), 3))
	for _, id := range []string{"flipped", "saved"} {
		f, err := os.OpenFile(d.file(storage.InProgress, id), os.O_WRONLY, 0)
		d.ok(err)
		_, err = f.WriteAt([]byte("X"), 1)
		d.ok(errors.Join(err, f.Close()))
	}
	out, err := back(t, d, dir)
	if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "4 images") {
		t.Errorf("error %v", err)
	}
	for _, want := range []string{"damaged: inProgress/flipped: ", "damaged: inProgress/cut: ", "damaged: inProgress/absent: ", "damaged: inProgress/replaced: "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in %q", want, out)
		}
	}
	r := restoredFrom(t, dir)
	for _, id := range []string{"saved", "fine"} {
		o, err := r.images.Get(t.Context(), storage.InProgress, id, storage.Part{})
		d.ok(err)
		var text bytes.Buffer
		_, err = text.ReadFrom(o.Body)
		d.ok(errors.Join(err, o.Body.Close()))
		if text.String() != "source of "+id {
			t.Errorf("%s is %q", id, text.String())
		}
	}
	for _, id := range []string{"flipped", "cut", "absent", "replaced"} {
		if _, err := r.tasks.Get(t.Context(), id); err != nil {
			t.Errorf("the task %s: %v", id, err)
		}
		if _, err := r.images.Stat(t.Context(), storage.InProgress, id); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("the image %s: %v", id, err)
		}
	}
}

// TestTasksWithoutBytes: who made one by hand has promised none. One that says
// what bytes it has is damaged without them.
func TestTasksWithoutBytes(t *testing.T) {
	d, dir := openData(t, t.TempDir()), filepath.Join(t.TempDir(), "b")
	for id, source := range map[string]taskdb.Blob{"fifo": {Key: "fifo"}, "there": d.put(storage.InProgress, "there", "source of there")} {
		source.SHA256, source.Size = "", 0
		_, _, err := d.tasks.Create(t.Context(), taskdb.Task{ID: id, Pipeline: pipeline.Default(), Source: source})
		d.ok(err)
	}
	out, err := back(t, d, dir)
	d.ok(err)
	if want := "skipped: inProgress/fifo: it is not in the storage, and the task fifo names no bytes\n"; !strings.Contains(out, want) || !strings.Contains(out, "images: 1, ") {
		t.Errorf("it says %q, want %q", out, want)
	}
	r := restoredFrom(t, dir)
	if _, err := r.tasks.Get(t.Context(), "fifo"); err != nil {
		t.Error(err)
	}
	_, _, err = d.tasks.Create(t.Context(), taskdb.Task{ID: "sized", Pipeline: pipeline.Default(), Source: taskdb.Blob{Key: "sized", Size: 5}})
	d.ok(err)
	if out, err := back(t, d, dir); !errors.Is(err, ErrDamaged) || !strings.Contains(out, "damaged: inProgress/sized: ") {
		t.Errorf("%v, %q", err, out)
	}
}

// unreadable is a storage whose disk does not give an image.
type unreadable struct {
	images
	key string
}

// Get implements images.
func (u unreadable) Get(ctx context.Context, state storage.State, key string, part storage.Part) (storage.Object, error) {
	if key == u.key {
		return storage.Object{}, storage.ErrUnreadable
	}
	return u.images.Get(ctx, state, key, part)
}

// TestUnreadableImage is named, and the others are copied.
func TestUnreadableImage(t *testing.T) {
	d, dir := openData(t, t.TempDir()), filepath.Join(t.TempDir(), "b")
	for _, id := range []string{"a", "b", "c"} {
		d.submit(id)
	}
	m := copied(t, d, dir, func(c *copying) { c.images = unreadable{c.images, "b"} })
	if m.Count != 2 || len(m.Damaged) != 1 || m.Damaged[0].Key != "b" {
		t.Errorf("%d images, damaged %v", m.Count, m.Damaged)
	}
}

// TestFoldersOfOneService: of a lab on several machines, each has its own part.
func TestFoldersOfOneService(t *testing.T) {
	d := openData(t, t.TempDir())
	d.submit("a")
	d.put(storage.Finished, "without-task", "x")
	for name, keep := range map[string][]string{"taskdb": {taskdbFile, taskdbFile + "-wal"}, "storage": {"inProgress", "finished"}, "kv": {kvFile, kvFile + "-wal"}} {
		t.Run(name, func(t *testing.T) {
			one, dir, to := t.TempDir(), filepath.Join(t.TempDir(), "b"), filepath.Join(t.TempDir(), "r")
			for _, part := range keep {
				d.ok(os.Symlink(filepath.Join(d.dir, part), filepath.Join(one, part)))
			}
			var out said
			if err := Backup(t.Context(), cfgFor(one), dir, out.options()); err != nil {
				t.Fatal(err)
			}
			if err := Restore(t.Context(), cfgFor(to), dir, false, out.options()); err != nil {
				t.Fatal(err)
			}
			for path, want := range map[string]bool{
				taskdbFile: name == "taskdb", kvFile: name == "kv", "inProgress/a": name == "storage", "finished/without-task": name == "storage",
			} {
				if _, err := os.Stat(filepath.Join(to, path)); (err == nil) != want {
					t.Errorf("%s: %v, want it: %v", path, err, want)
				}
			}
			var whole said
			if err := Backup(t.Context(), cfgFor(d.dir), dir, whole.options()); err != nil { // more is fine
				t.Fatal(err)
			}
			if err := Backup(t.Context(), cfgFor(one), dir, whole.options()); !errors.Is(err, errOther) {
				t.Errorf("a backup of less: %v", err)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	d, dir := openData(t, t.TempDir()), filepath.Join(t.TempDir(), "b")
	_, err := back(t, d, dir)
	d.ok(err)
	foreign := t.TempDir()
	d.ok(os.WriteFile(filepath.Join(foreign, "letter.txt"), nil, 0o600))
	theirs := t.TempDir()
	d.ok(os.WriteFile(filepath.Join(theirs, "backup.json"), []byte(`{"name":"x"}`), 0o600))
	link := filepath.Join(t.TempDir(), "link")
	d.ok(os.Symlink(d.dir, link))
	nowhere := filepath.Join(t.TempDir(), "nowhere")
	d.ok(os.Symlink(filepath.Join(t.TempDir(), "gone"), nowhere))
	etcd := cfgFor(d.dir)
	etcd.KVEngine = "etcd://10.0.0.1"
	for name, c := range map[string]struct {
		cfg  config.Config
		dir  string
		want string
	}{
		"inside":          {cfgFor(d.dir), filepath.Join(d.dir, "b"), "must not lie in one another"},
		"inside, linked":  {cfgFor(d.dir), filepath.Join(link, "x", "b"), "must not lie in one another"},
		"around":          {cfgFor(d.dir), filepath.Dir(d.dir), "must not lie in one another"},
		"foreign":         {cfgFor(d.dir), foreign, "is not empty and holds no backup"},
		"another's":       {cfgFor(d.dir), theirs, "backup.json is not minilab's"},
		"no data":         {cfgFor(t.TempDir()), t.TempDir(), "there is no data in"},
		"another engine":  {etcd, t.TempDir(), "only the embedded engines can be backed up: the data of kv"},
		"no such folder":  {cfgFor(filepath.Join(t.TempDir(), "x")), t.TempDir(), "there is no data in"},
		"cannot be made":  {cfgFor(d.dir), "/proc/b", "backup folder: "},
		"file, no folder": {cfgFor(d.dir), filepath.Join(foreign, "letter.txt"), "letter.txt: not a directory"},
		"below a file":    {cfgFor(d.dir), filepath.Join(foreign, "letter.txt", "b"), "letter.txt/b: not a directory"},
		"nowhere":         {cfgFor(d.dir), nowhere, nowhere + ": it is, or is below, a link that leads nowhere"},
		"below nowhere":   {cfgFor(d.dir), filepath.Join(nowhere, "b"), "a link that leads nowhere"},
		"no name":         {cfgFor(d.dir), "", "DIR is empty"},
	} {
		var out said
		if err := Backup(t.Context(), c.cfg, c.dir, out.options()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("backup %s: %v", name, err)
		}
	}
	lock, err := backup.Open(dir, time.Now())
	d.ok(err)
	if _, err := back(t, d, dir); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("another backup is being made in %s (pid %d)", dir, os.Getpid())) {
		t.Errorf("two at a time: %v", err)
	}
	d.ok(lock.Close())
	for name, c := range map[string]struct {
		cfg  config.Config
		dir  string
		want string
	}{
		"into data":      {cfgFor(d.dir), dir, "is not empty"},
		"into foreign":   {cfgFor(foreign), dir, "letter.txt is in it"},
		"inside":         {cfgFor(filepath.Join(dir, "data")), dir, "must not lie in one another"},
		"no name":        {cfgFor(t.TempDir()), "", "DIR is empty"},
		"no backup":      {cfgFor(filepath.Join(t.TempDir(), "x")), t.TempDir(), "there is no complete backup"},
		"no folder":      {cfgFor(filepath.Join(t.TempDir(), "x")), filepath.Join(foreign, "y"), "there is no complete backup"},
		"another engine": {etcd, dir, "only the embedded engines can be restored"},
	} {
		var out said
		if err := Restore(t.Context(), c.cfg, c.dir, false, out.options()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("restore %s: %v", name, err)
		}
	}
	for _, folder := range []string{foreign, theirs} {
		if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
			t.Errorf("the foreign folder has %v, %v", entries, err)
		}
	}
}

// TestRestoreIntoAFolderInUse: a service that has its lock and no data yet.
func TestRestoreIntoAFolderInUse(t *testing.T) {
	d, dir := openData(t, t.TempDir()), filepath.Join(t.TempDir(), "b")
	_, err := back(t, d, dir)
	d.ok(err)
	to := t.TempDir()
	s, err := filestorage.Open(to, filestorage.Options{}, slog.New(slog.DiscardHandler))
	d.ok(err)
	defer s.Close()
	d.ok(errors.Join(os.Remove(filepath.Join(to, "inProgress")), os.Remove(filepath.Join(to, "finished"))))
	var out said
	if err := Restore(t.Context(), cfgFor(to), dir, false, out.options()); err == nil || !strings.Contains(err.Error(), "in use by another minilab process") {
		t.Errorf("error %v", err)
	}
	d.ok(restored(to)) // it is not touched
}

// TestDamagedBackups: whatever has become of a backup's files, no folder looks
// restored that is not.
func TestDamagedBackups(t *testing.T) {
	d, good := openData(t, t.TempDir()), filepath.Join(t.TempDir(), "b")
	d.submit("a")
	d.submit("b")
	_, err := back(t, d, good)
	d.ok(err)
	only := func(pattern string) func(dir string) string {
		return func(dir string) string {
			list, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil || len(list) == 0 {
				t.Fatalf("no %s: %v", pattern, err)
			}
			return list[0]
		}
	}
	for name, c := range map[string]struct {
		file    func(string) string
		damage  func(path string) error
		partial bool // can be restored so
	}{
		"image gone":       {only("images/??/*"), os.Remove, true},
		"image flipped":    {only("images/??/*"), flip, true},
		"image cut":        {only("images/??/*"), cut, true},
		"image a link":     {only("images/??/*"), link, true},
		"list gone":        {only("images.*.jsonl"), os.Remove, false},
		"list flipped":     {only("images.*.jsonl"), flip, false},
		"list renamed":     {only("images.*.jsonl"), rename, false},
		"taskdb flipped":   {only("taskdb.*.db"), flip, false},
		"taskdb cut":       {only("taskdb.*.db"), cut, false},
		"kv gone":          {only("kv.*.db"), os.Remove, false},
		"manifest gone":    {only("backup.json"), os.Remove, false},
		"manifest cut":     {only("backup.json"), cut, false},
		"manifest newer":   {only("backup.json"), newer, false},
		"manifest of else": {only("backup.json"), func(path string) error { return os.WriteFile(path, []byte(`{"name":"x"}`), 0o600) }, false},
		"manifest astray":  {only("backup.json"), astray, false},
		"manifest of less": {only("backup.json"), fewer, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "b")
			d.ok(os.CopyFS(dir, os.DirFS(good)))
			d.ok(c.damage(c.file(dir)))
			for _, partial := range []bool{false, true} {
				to := filepath.Join(t.TempDir(), "data")
				var out said
				err := Restore(t.Context(), cfgFor(to), dir, partial, out.options())
				if err == nil && !c.partial {
					t.Errorf("partial %v: restored: %s", partial, out.String())
				}
				if !partial || !c.partial {
					_, gone := os.Stat(filepath.Join(to, taskdbFile))
					if refused := restored(to) != nil || errors.Is(gone, fs.ErrNotExist); !refused {
						t.Errorf("partial %v: the folder looks whole: %v", partial, err)
					}
					continue
				}
				if restored(to) != nil {
					t.Errorf("partial: %v", err)
				}
			}
		})
	}
}

func flip(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[len(data)/2] ^= 1
	return os.WriteFile(path, data, 0o600)
}

// rename gives an image of the list another key.
func rename(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, bytes.Replace(data, []byte(`"key":"a"`), []byte(`"key":"c"`), 1), 0o600)
}

func cut(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, info.Size()/2)
}

func link(path string) error {
	other := path + ".other"
	return errors.Join(os.Rename(path, other), os.Symlink(other, path))
}

func edit(path string, change func(m map[string]any)) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var m map[string]any
	if err := json.Unmarshal(data, &m); err != nil {
		return err
	}
	change(m)
	data, err = json.Marshal(m)
	return errors.Join(err, os.WriteFile(path, data, 0o600))
}

func newer(path string) error { return edit(path, func(m map[string]any) { m["format"] = 99 }) }
func fewer(path string) error { return edit(path, func(m map[string]any) { m["count"] = 7 }) }
func astray(path string) error {
	return edit(path, func(m map[string]any) { m["taskdb"].(map[string]any)["file"] = "../../etc/passwd" })
}

// TestInterruptedRestore: no service starts on the folder, and the next restore
// begins anew.
func TestInterruptedRestore(t *testing.T) {
	d, dir := openData(t, t.TempDir()), filepath.Join(t.TempDir(), "b")
	d.submit("a")
	_, err := back(t, d, dir)
	d.ok(err)
	to := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out said
	if err := Restore(ctx, cfgFor(to), dir, false, out.options()); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	d.ok(errors.Join(os.MkdirAll(filepath.Join(to, "finished"), 0o700), os.WriteFile(filepath.Join(to, "finished", "stale"), nil, 0o600)))
	for _, service := range lockedServices {
		err := Run(t.Context(), cfgFor(to), Options{Services: []string{service}, Quiet: true, Log: slog.New(slog.DiscardHandler), Out: &out})
		if !errors.Is(err, errUnfinished) {
			t.Errorf("%s starts: %v", service, err)
		}
	}
	if err := Backup(t.Context(), cfgFor(to), filepath.Join(t.TempDir(), "b"), out.options()); !errors.Is(err, errUnfinished) {
		t.Errorf("it is backed up: %v", err)
	}
	d.ok(Restore(t.Context(), cfgFor(to), dir, false, out.options()))
	if got := openData(t, to).whole(); !equal(got, map[string]taskdb.State{"a": "not-started"}) {
		t.Errorf("tasks %v", got)
	}
	if _, err := os.Stat(filepath.Join(to, "finished", "stale")); err == nil {
		t.Error("something stale is left")
	}
}

// TestOnlyTheOwnerMayRead: as much as of the data itself.
func TestOnlyTheOwnerMayRead(t *testing.T) {
	d, dir := openData(t, t.TempDir()), filepath.Join(t.TempDir(), "b")
	d.submit("a")
	_, err := back(t, d, dir)
	d.ok(err)
	d.ok(filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && info.Mode().Perm()&0o027 != 0 {
			t.Errorf("%s has the mode %v", path, info.Mode())
		}
		return err
	}))
}

// TestSomebodysImages: a folder of that name alone makes no backup.
func TestSomebodysImages(t *testing.T) {
	d, dir := openData(t, t.TempDir()), t.TempDir()
	d.submit("a")
	theirs := filepath.Join(dir, "images", ".tmp-theirs")
	d.ok(os.MkdirAll(filepath.Dir(theirs), 0o700))
	d.ok(os.WriteFile(theirs, []byte("x"), 0o600))
	if _, err := back(t, d, dir); !errors.Is(err, backup.ErrForeign) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(theirs); err != nil {
		t.Error(err)
	}
}
