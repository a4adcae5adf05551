package backups

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"minilab/internal/taskdb"
	"minilab/internal/trials"
)

const (
	customers = 4
	uploads   = 24 // of each
	backups   = 2
)

// ledger is what the customers know.
type ledger struct {
	mu      sync.Mutex
	images  map[string][]byte // by the IDs that were answered
	removed map[string]bool   // or were about to be
	reached chan int          // how many images were handed in
}

// note writes an ID down that was answered.
func (l *ledger) note(id string, image []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.images[id] = image
	l.reached <- len(l.images)
}

func (l *ledger) remove(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.removed[id] = true
}

// answered are the IDs that nobody has begun to delete.
func (l *ledger) answered() map[string][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := maps.Clone(l.images)
	maps.DeleteFunc(ids, func(id string, _ []byte) bool { return l.removed[id] })
	return ids
}

// keep takes those out that have been deleted since.
func (l *ledger) keep(ids map[string][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(ids, func(id string, _ []byte) bool { return l.removed[id] })
}

// saved is a restored backup and what must be in it.
type saved struct {
	dir string
	ids map[string][]byte
}

func TestUnderLoad(t *testing.T) {
	t.Parallel()
	for name, topology := range map[string]trials.Topology{"one process": trials.OneProcess, "six processes": trials.SixProcesses} {
		t.Run(name, func(t *testing.T) {
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			dir := t.TempDir()
			s := start(t, dir, topology)
			l := &ledger{images: map[string][]byte{}, removed: map[string]bool{}, reached: make(chan int, customers*uploads)}
			var busy sync.WaitGroup
			for n := range customers {
				busy.Go(func() { s.serve(l, rand.New(rand.NewPCG(seed, uint64(n)))) })
			}
			var all []saved
			for n := range backups {
				for image := range l.reached {
					if image >= (n+1)*customers*uploads/(backups+1) {
						break
					}
				}
				all = append(all, s.save(l, filepath.Join(dir, "backup"), filepath.Join(dir, fmt.Sprint("restored", n))))
			}
			busy.Wait()
			s.stop()
			last := len(all) - 1
			for _, b := range all[:last] { // a data folder is the same in every topology
				check(t, trials.OneProcess, b, l.images)
			}
			check(t, topology, all[last], l.images)
		})
	}
}

// serve is a customer who hands images in, and awaits and deletes some.
func (s *stage) serve(l *ledger, r *rand.Rand) {
	ctx, c := s.Context(), s.customer()
	for range uploads {
		image := trials.PNG(100+r.IntN(50), 80+r.IntN(50), uint8(r.Uint32()))
		id, err := c.Upload(ctx, image)
		if err != nil {
			s.Error(err)
			return
		}
		l.note(id, image)
		dice := r.IntN(10)
		if dice < 2 {
			if err := s.exact(ctx, id, image); err != nil {
				s.Error(err)
			}
		}
		if dice%5 == 1 { // finished ones and others
			l.remove(id)
			if err := s.remove(ctx, id); err != nil {
				s.Errorf("delete %s: %v", id, err)
			}
		}
	}
}

// save makes a backup and restores it at once: the next one replaces it.
func (s *stage) save(l *ledger, dir, to string) saved {
	s.Helper()
	ids := l.answered()
	out := minilab(s.T, "backup", dir, filepath.Join(s.lab.Dir, "data"))
	l.keep(ids)
	s.Logf("%d images were answered\n%s%s", len(ids), out, minilab(s.T, "restore", dir, filepath.Join(to, "data")))
	return saved{to, ids}
}

// check starts a lab on a restored backup. What was answered is in it, and all
// that is in it is, or becomes, exact.
func check(t *testing.T, topology trials.Topology, b saved, images map[string][]byte) {
	t.Helper()
	s := start(t, b.dir, topology)
	defer s.stop()
	found := map[string]bool{}
	for f := (taskdb.Filter{}); ; {
		page, err := s.tasks().List(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range page.Tasks {
			found[task.ID] = true
		}
		if f.Cursor = page.Next; page.Next == "" {
			break
		}
	}
	for id := range b.ids {
		if !found[id] {
			t.Errorf("%s was answered before the backup began, and is not in it", id)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for id := range found {
		if images[id] == nil {
			t.Errorf("%s is in the backup, and nobody has handed it in", id)
			continue
		}
		if err := s.exact(ctx, id, images[id]); err != nil {
			t.Error(err)
			if errors.Is(err, context.DeadlineExceeded) {
				return
			}
		}
	}
	if len(found) == 0 {
		t.Error("the backup is empty")
	}
}
