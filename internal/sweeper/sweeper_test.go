package sweeper

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"minilab/internal/storage"
	"minilab/internal/taskdb"
)

const (
	before = storage.InProgress
	after  = storage.Finished
)

func twoOutputs(t *taskdb.Task) { t.Outputs = []taskdb.Output{{Name: "a_b"}, {Name: "small"}} }

// TestWhatGoesAndWhatStays has a task in every state; all bytes are old.
func TestWhatGoesAndWhatStays(t *testing.T) {
	f := settled(t)
	stays, goes := map[string]bool{}, map[string]bool{}
	note := func(in map[string]bool, keys ...string) {
		for _, k := range keys {
			in[k] = true
		}
	}
	put := func(in map[string]bool, state storage.State, key string) {
		f.put(state, key, old)
		in[string(state)+"/"+key] = true
	}

	f.create("waits")
	f.release(f.claim("waits"))
	note(goes, "finished/waits.1")
	put(stays, after, "waits.2") // an attempt that may come, after a restoring
	f.create("works", twoOutputs)
	f.release(f.claim("works"))
	f.claim("works")
	note(goes, "finished/works.1.a_b", "finished/works.1.small")
	note(stays, "finished/works.2.a_b", "finished/works.2.small")
	put(goes, after, "works.2") // not one of its outputs
	put(stays, after, "works.3.small")
	f.create("done", twoOutputs)
	f.release(f.claim("done"))
	f.finish(f.claim("done"))
	note(goes, "finished/done.1.a_b", "finished/done.1.small")
	note(stays, "finished/done.2.a_b", "finished/done.2.small")
	put(goes, after, "done.3.small") // nobody works on it any more
	f.create("fails")
	f.only(f.tasks.Fail(t.Context(), []taskdb.Failure{{ID: "fails", Lease: f.claim("fails").Lease, Error: taskdb.Error{Code: "x"}}}))
	note(goes, "finished/fails.1")
	put(stays, after, "fails.2")
	f.create("ended")
	f.claim("ended")
	f.cancel("ended")
	note(goes, "finished/ended.1")
	for _, id := range []string{"waits", "works", "done", "fails", "ended"} {
		note(stays, "inProgress/"+id)
		put(goes, after, id)
	}

	f.create("by-hand", func(t *taskdb.Task) { t.Source.Key = "photo-7" })
	note(stays, "inProgress/photo-7")
	put(goes, before, "by-hand")
	c := f.claim("by-hand")
	r := result(c)
	r.Outputs[0].Key = "album-1"
	f.only(f.tasks.Finish(t.Context(), []taskdb.Finish{r}))
	put(stays, after, "album-1")
	note(goes, "finished/by-hand.1")
	f.create("gone")
	f.finish(f.claim("gone"))
	_, err := f.tasks.Delete(t.Context(), "gone")
	f.ok(err)
	note(goes, "inProgress/gone", "finished/gone.1")
	put(goes, before, "stray")
	put(goes, before, "0198c0de-7a11-7000-8000-5ca1ab1e0001")
	put(goes, after, "stray.x.1")
	f.put(before, "upload", young)
	f.put(after, "late.1", young)
	note(stays, "inProgress/upload", "finished/late.1")

	if all := len(stays) + len(goes); len(f.keys()) != all {
		t.Fatalf("%d images, %d are judged", len(f.keys()), all)
	}
	swept := f.sweep()
	for _, key := range f.keys() {
		if !stays[key] {
			t.Errorf("%s is left", key)
		}
		delete(stays, key)
	}
	for key := range stays {
		t.Errorf("%s is gone", key)
	}
	size := int64(0)
	for key := range goes {
		size += int64(len(key) - strings.Index(key, "/") - 1)
	}
	if want := (Swept{Images: len(goes), Bytes: size}); swept != want {
		t.Errorf("swept %+v, want %+v", swept, want)
	}
	if f.log.count("msg=swept") != 1 {
		t.Error("it was not logged once")
	}
	if f.sweep() != (Swept{}) || f.log.count("msg=swept") != 1 {
		t.Error("the second sweep found something")
	}
}

// TestFilesOfAllNames has what people copy in.
func TestFilesOfAllNames(t *testing.T) {
	f := settled(t)
	names := []string{"Photo.JPG", "a/b", "..", strings.Repeat("long", 100), "not-started", "ü"}
	for _, name := range names {
		f.put2(name)
	}
	if n := len(f.keys()); n != 2*len(names) {
		t.Fatalf("%d images", n)
	}
	if swept := f.sweep(); swept.Images != 2*len(names) || len(f.keys()) != 0 {
		t.Errorf("swept %+v, left %q", swept, f.keys())
	}
}

// put2 stores old bytes in both states under a key that no file name shows.
func (f *fixture) put2(key string) {
	f.Helper()
	for _, state := range []storage.State{before, after} {
		_, err := f.images.Put(f.Context(), state, key, strings.NewReader("x"), storage.PutOptions{Size: 1})
		f.ok(err)
		files, err := filepath.Glob(filepath.Join(f.dir, string(state), "*"))
		f.ok(err)
		for _, name := range files {
			then := time.Now().Add(-old)
			f.ok(os.Chtimes(name, then, then))
		}
	}
}

func TestDamagedBytesGoToo(t *testing.T) {
	f := settled(t)
	f.put(before, "damaged", old)
	f.ok(os.WriteFile(filepath.Join(f.dir, "inProgress", "damaged"), []byte("other"), 0o600))
	f.age(before, "damaged", old)
	if swept := f.sweep(); swept.Images != 1 || len(f.keys()) != 0 {
		t.Errorf("swept %+v", swept)
	}
}

func TestMoreThanOneSweepRemoves(t *testing.T) {
	f := settled(t)
	for i := range 7 {
		f.put(before, fmt.Sprint("stray-", i), old)
	}
	s := f.sweeper()
	s.most = 3
	for _, want := range []Swept{{Images: 3, More: true}, {Images: 3, More: true}, {Images: 1}, {}} {
		got, err := s.Sweep(t.Context())
		if got.Bytes = 0; err != nil || got != want {
			t.Fatalf("swept %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestTasksPastTheirRetentionGoWithTheirBytes(t *testing.T) {
	f := settled(t)
	kept := func(d time.Duration) func(*taskdb.Task) { return func(t *taskdb.Task) { t.Keep = d } }
	for _, id := range []string{"a", "b", "again"} {
		f.create(id, kept(time.Microsecond))
	}
	f.create("shares", kept(time.Microsecond), func(t *taskdb.Task) { t.Source.Key = "shared" })
	f.create("longer", kept(time.Hour), func(t *taskdb.Task) { t.Source.Key = "shared" })
	f.create("ever")
	f.create("nowhere", kept(time.Microsecond), func(t *taskdb.Task) { t.Source.Key = "x" })
	f.ok(f.images.Delete(t.Context(), before, "x"))
	for _, id := range []string{"a", "shares", "longer", "ever", "nowhere"} {
		f.finish(f.claim(id))
	}
	f.cancel("b")
	f.cancel("again")
	_, err := f.tasks.Retry(t.Context(), "again")
	f.ok(err)
	for _, key := range f.keys() { // no byte is older than the grace
		state, key, _ := strings.Cut(key, "/")
		f.age(storage.State(state), key, 0)
	}
	swept := f.sweep()
	want := []string{
		"inProgress/again", "inProgress/ever", "inProgress/shared", "finished/ever.1", "finished/longer.1",
	}
	if got := f.keys(); !slices.Equal(got, want) || swept.Tasks != 4 || swept.Images != 5 {
		t.Errorf("left %q, want %q; swept %+v", got, want, swept)
	}
	for id, there := range map[string]bool{"a": false, "b": false, "shares": false, "nowhere": false, "again": true, "longer": true, "ever": true} {
		if _, err := f.tasks.Get(t.Context(), id); (err == nil) != there {
			t.Errorf("%s: %v", id, err)
		}
	}
}
