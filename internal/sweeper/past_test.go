package sweeper

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"minilab/internal/kv"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
)

// exchange closes the task database and opens the one in another folder.
func (f *fixture) exchange(dir string) {
	f.Helper()
	f.ok(f.tasks.(*sqltaskdb.Store).Close())
	f.tasks = openTasks(f, dir, sqltaskdb.Options{Lease: time.Hour})
}

// copied is a folder with the task database as it is now.
func (f *fixture) copied() string {
	f.Helper()
	f.exchange(f.dir) // all is in the one file then
	data, err := os.ReadFile(filepath.Join(f.dir, "taskdb.db"))
	f.ok(err)
	dir := f.TempDir()
	f.ok(os.WriteFile(filepath.Join(dir, "taskdb.db"), data, 0o600))
	return dir
}

// works makes a finished task, whose bytes are old.
func (f *fixture) works(id string) {
	f.Helper()
	f.create(id)
	f.finish(f.claim(id))
}

// refuses wants a sweep to touch nothing.
func (f *fixture) refuses() {
	f.Helper()
	had := len(f.keys())
	_, err := f.sweeper().Sweep(f.Context())
	f.is(err, errForgotten)
	if left := len(f.keys()); left != had {
		f.Fatalf("%d of %d images are left", left, had)
	}
}

// TestAnotherPastIsNotBelieved exchanges the task database behind the back of
// a lab that has swept before.
func TestAnotherPastIsNotBelieved(t *testing.T) {
	for name, other := range map[string]func(f *fixture) string{
		"emptied":                 func(f *fixture) string { return f.TempDir() },
		"restored":                func(f *fixture) string { return f.copied() },
		"restored before a sweep": func(f *fixture) string { dir := f.copied(); f.works("b"); f.sweep(); return dir },
	} {
		for _, grown := range []bool{false, true} {
			f := settled(t)
			f.works("a")
			f.sweep()
			dir := other(f)
			f.works("lost")
			f.sweep()
			f.exchange(dir)
			if grown {
				for _, id := range []string{"x", "y", "z"} {
					f.works(id)
				}
			}
			f.refuses()
			f.refuses()
			if !f.has(after, "lost.1") {
				t.Errorf("%s, grown: %v: the lost task's image is gone", name, grown)
			}
		}
	}
}

func TestTheOperatorIsBelievedOnce(t *testing.T) {
	f := settled(t)
	f.works("lost")
	f.sweep()
	f.exchange(t.TempDir())
	f.refuses()
	_, _, err := f.kv.Put(t.Context(), trustKey, []byte("yes"), kv.PutOptions{})
	f.ok(err)
	if swept := f.sweep(); swept.Images != 2 {
		t.Errorf("swept %+v", swept)
	}
	f.works("b")
	f.sweep() // it had no past, and begins one
	f.put(before, "stray", old)
	f.put(before, "astray", old)
	if swept := f.sweep(); swept.Images != 2 {
		t.Errorf("the new past is not the past: %+v", swept)
	}
	f.exchange(t.TempDir())
	f.refuses()
}

// TestAPastOfNothing is no other database's either: this one was lost between
// the first sweep, when nothing had happened yet, and the second.
func TestAPastOfNothing(t *testing.T) {
	for _, grown := range []bool{false, true} {
		f := open(t, sqltaskdb.Options{Lease: time.Hour})
		f.sweep()
		for _, id := range []string{"lost", "a", "b"} {
			f.works(id)
		}
		f.exchange(t.TempDir())
		if grown {
			f.works("x")
		}
		f.refuses()
		if !f.has(after, "lost.1") {
			t.Error("the lost task's image is gone")
		}
	}
}

// TestTheFirstSweep has nothing to compare with: more images without a row than
// rows are not believed, however young they are.
func TestTheFirstSweep(t *testing.T) {
	for name, c := range map[string]struct {
		rows, strays int
		age          time.Duration
		refused      bool
	}{
		"of a new lab":                     {},
		"of a lab with leftovers":          {rows: 3, strays: 3, age: old},
		"of an empty database, old images": {strays: 1, age: old, refused: true},
		"of an empty database, young ones": {strays: 1, age: young, refused: true},
		"of more strays than rows":         {rows: 2, strays: 3, age: old, refused: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t, sqltaskdb.Options{Lease: time.Hour})
			for i := range c.rows {
				f.works(string(rune('a' + i)))
			}
			for i := range c.strays {
				f.put(before, "stray-"+string(rune('a'+i)), c.age)
			}
			if c.refused {
				f.refuses()
				f.works("more")
				f.works("and-more")
				f.sweep() // that is enough
				return
			}
			if swept := f.sweep(); swept.Images != c.strays {
				t.Errorf("swept %+v", swept)
			}
		})
	}
}

// TestARefusedFirstSweepRemovesNoTask either.
func TestARefusedFirstSweepRemovesNoTask(t *testing.T) {
	f := open(t, sqltaskdb.Options{Lease: time.Hour})
	f.create("past", func(t *taskdb.Task) { t.Keep = time.Microsecond })
	f.cancel("past")
	f.put(before, "stray-1", old)
	f.put(before, "stray-2", old)
	f.refuses()
	if _, err := f.tasks.Get(t.Context(), "past"); err != nil {
		t.Error(err)
	}
}

// TestEventsOfLongAgo are not there to be compared any more.
func TestEventsOfLongAgo(t *testing.T) {
	f := open(t, sqltaskdb.Options{Lease: time.Hour, KeepEvents: 1, KeepFor: time.Nanosecond})
	f.works("a")
	f.sweep()
	f.works("b")
	f.works("c")
	f.ok(f.tasks.(*sqltaskdb.Store).Trim(t.Context()))
	for range 2 {
		f.put(before, "stray", old)
		if swept := f.sweep(); swept.Images != 1 {
			t.Errorf("swept %+v", swept)
		}
	}
}

// TestANoteThatCannotBeRead is as good as none.
func TestANoteThatCannotBeRead(t *testing.T) {
	f := settled(t)
	_, _, err := f.kv.Put(t.Context(), pastKey, []byte("?"), kv.PutOptions{})
	f.ok(err)
	f.put(before, "stray", old)
	f.refuses()
	f.works("a")
	if swept := f.sweep(); swept.Images != 1 {
		t.Errorf("swept %+v", swept)
	}
}
