package sweeper

import (
	"context"
	"io"
	"testing"
	"time"

	"minilab/internal/storage"
)

// shifted is a storage whose clock goes wrong by so much.
type shifted struct {
	storage.Store
	by time.Duration
}

func (s shifted) info(i storage.Info, err error) (storage.Info, error) {
	i.Modified = i.Modified.Add(s.by).Truncate(time.Second) // as exact as the contract has it
	return i, err
}

func (s shifted) Put(ctx context.Context, state storage.State, key string, r io.Reader, opts storage.PutOptions) (storage.Info, error) {
	return s.info(s.Store.Put(ctx, state, key, r, opts))
}

func (s shifted) Stat(ctx context.Context, state storage.State, key string) (storage.Info, error) {
	return s.info(s.Store.Stat(ctx, state, key))
}

func (s shifted) List(ctx context.Context, state storage.State, cursor string, limit int) (storage.Page, error) {
	p, err := s.Store.List(ctx, state, cursor, limit)
	for j, i := range p.Infos {
		p.Infos[j], _ = s.info(i, nil)
	}
	return p, err
}

func TestAgesAreByTheStoragesClock(t *testing.T) {
	for _, by := range []time.Duration{-1000 * time.Hour, 0, 1000 * time.Hour} {
		f := settled(t)
		f.put(before, "old", grace+time.Minute)
		f.put(before, "young", grace-time.Minute)
		f.put(after, "new.1", 0)
		f.images = shifted{f.images, by}
		f.sweep()
		if f.has(before, "old") || !f.has(before, "young") || !f.has(after, "new.1") {
			t.Errorf("the storage's clock is wrong by %v: %q are left", by, f.keys())
		}
	}
}

// TestAFullDiskIsSwept: nothing can be written, not even to learn the time.
func TestAFullDiskIsSwept(t *testing.T) {
	for name, newest := range map[string]time.Duration{"": 0, "with a file of the future": -1000 * time.Hour} {
		f := settled(t)
		f.put(before, "old", old)
		f.put(before, "young", young)
		f.put(after, "newest.1", newest)
		s := f.with(func(_ context.Context, call string, _ bool) error {
			if call == "images put" {
				return storage.ErrNoSpace
			}
			return nil
		})
		swept, err := s.Sweep(t.Context())
		f.ok(err)
		if swept.Images != 1 || f.has(before, "old") {
			t.Errorf("full %s: %q are left", name, f.keys())
		}
	}
}

// TestTheTimeOfTheSweepIsNoAge has the sweep take long before it asks the
// storage for its time: bytes do not become older by that.
func TestTheTimeOfTheSweepIsNoAge(t *testing.T) {
	f := settled(t)
	f.put(before, "young", grace+time.Minute) // as the marking began, a minute less than the grace
	m, err := f.sweeper().mark(t.Context())
	f.ok(err)
	found, err := f.sweeper().list(t.Context(), m, time.Now().Add(-2*time.Minute))
	f.ok(err)
	if found.unmarked != 1 || len(found.old) != 0 {
		t.Errorf("found %+v", found)
	}
}

// TestTheClockLeavesNothingBehind, and where a crash did, the next sweep does not.
func TestTheClockLeavesNothingBehind(t *testing.T) {
	f := settled(t)
	f.put(before, "stray", young)
	f.sweep()
	if got := f.keys(); len(got) != 1 {
		t.Errorf("%q are left", got)
	}
	f.put(before, "stray", old)
	_, err := f.with(func(_ context.Context, call string, _ bool) error {
		if call == "images delete "+clockKey {
			return errKilled
		}
		return nil
	}).Sweep(t.Context())
	f.is(err, errKilled)
	if got := f.keys(); len(got) != 2 {
		t.Fatalf("%q are left", got)
	}
	f.sweep()
	if got := f.keys(); len(got) != 0 {
		t.Errorf("%q are left", got)
	}
}
