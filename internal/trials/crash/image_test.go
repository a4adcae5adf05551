package crash_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"minilab/internal/storage"
	"minilab/internal/taskdb"
	"minilab/internal/trials"
)

// TestImage takes an image through the whole of a lab: bytes in, task, claim,
// result in, finish.
func TestImage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, victim string
		topology     trials.Topology
		sample       int
	}{
		{"storage", "storage", trials.SixProcesses, 0},
		{"taskdb", "taskdb", trials.SixProcesses, 8},
		{"up", "up", trials.OneProcess, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, c.topology, c.victim)
			s.image(point{}) // a first one warms up
			enumerate(t, c.sample, s.image)
			if err := s.lab.Stop(); err != nil {
				t.Error(err)
			}
			s.tally.log(t)
		})
	}
}

// image hands an image in with a kill at the point, and checks everything.
func (s *stage) image(p point) *trap {
	s.Helper()
	before := trials.PNG(16, 12, uint8(len(s.known)))
	outcome := ""
	t := s.run(p, func(ctx context.Context) { outcome = s.handIn(ctx, before) })
	s.settled(p, before)
	s.tally.spring(t, outcome)
	return t
}

// handIn is a customer's errand. What was answered with 202 must come back
// exact, whatever happens.
func (s *stage) handIn(ctx context.Context, before []byte) (outcome string) {
	id, err := s.customer().Upload(ctx, before)
	if err != nil {
		if a, ok := errors.AsType[*trials.Answer](err); ok {
			return fmt.Sprintf("answered %d %s", a.Status, a.Code)
		}
		return "cut off"
	}
	if err := s.exact(ctx, id, before); err != nil {
		s.Errorf("%s was answered with 202: %v", id, err)
	}
	return "answered 202"
}

func (s *stage) exact(ctx context.Context, id string, before []byte) error {
	st, err := persist(ctx, func() (trials.Status, error) { return s.customer().Await(ctx, id) })
	if err != nil || st.Status != "finished" {
		return fmt.Errorf("it became %+v: %w", st, err)
	}
	after, err := persist(ctx, func() ([]byte, error) { return s.customer().Result(ctx, id) })
	if err != nil {
		return err
	}
	return trials.Swapped(before, after, 0)
}

// settled checks what there is once the victim runs again: every task ends
// finished and exact, the answered ones and those whose answer was lost alike;
// no draft is left, and every image that lies in the storage is whole.
func (s *stage) settled(p point, before []byte) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.ctx, patience)
	defer cancel()
	page, err := persist(ctx, func() (taskdb.Page, error) { return s.tasks().List(ctx, taskdb.Filter{Descending: true, Limit: 4}) })
	if err != nil {
		s.Fatalf("%v: %v", p, err)
	}
	for _, t := range page.Tasks {
		if s.known[t.ID] {
			continue
		}
		s.known[t.ID] = true
		if err := s.exact(ctx, t.ID, before); err != nil {
			s.Errorf("%v: task %s: %v", p, t.ID, err)
		}
	}
	if err := errors.Join(wholeFiles(s.dir), s.drafts(s.dir)); err != nil {
		s.Errorf("%v: %v", p, err)
	}
	if s.Failed() {
		s.FailNow() // the data are as the fault has left them
	}
}

// draftPrefix begins the names of files on their way in.
const draftPrefix = ".tmp-"

// noDrafts is an error when one is left over.
func noDrafts(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, "*", draftPrefix+"*"))
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("left over are %q", left)
	}
	return err
}

// wholeFiles is an error where an image's file is not what its attribute says.
func wholeFiles(dir string) error {
	for _, state := range []storage.State{storage.InProgress, storage.Finished} {
		entries, err := os.ReadDir(filepath.Join(dir, string(state)))
		if err != nil {
			return err
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), draftPrefix) {
				continue
			}
			if err := whole(filepath.Join(dir, string(state), e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func whole(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text := make([]byte, 1024)
	n, err := unix.Getxattr(path, "user.minilab", text)
	if err != nil {
		return fmt.Errorf("%s has no attribute: %w", path, err)
	}
	var a struct {
		Size   int
		SHA256 string
	}
	sum := sha256.Sum256(data)
	if err := json.Unmarshal(text[:n], &a); err != nil || a.Size != len(data) || a.SHA256 != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("%s has %d bytes and the attribute %s: %w", path, len(data), text[:n], err)
	}
	return nil
}

// TestDelete removes an image from the storage: it is there or it is not, and
// stays away once that was said.
func TestDelete(t *testing.T) {
	t.Parallel()
	s := newStage(t, trials.Topology{"kv", "storage"}, "storage")
	data := []byte("an image")
	enumerate(t, 0, func(p point) *trap {
		ctx := s.ctx
		if _, err := s.storage().Put(ctx, storage.Finished, "a", bytes.NewReader(data), storage.PutOptions{Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		var deleted error
		tr := s.run(p, func(ctx context.Context) { deleted = s.storage().Delete(ctx, storage.Finished, "a") })
		o, err := s.storage().Get(ctx, storage.Finished, "a", storage.Part{})
		switch {
		case err == nil:
			got, err := io.ReadAll(o.Body)
			o.Body.Close()
			if deleted == nil || err != nil || !bytes.Equal(got, data) {
				t.Errorf("%v: %q is there, %v, though the answer was %v", p, got, err, deleted)
			}
		case !errors.Is(err, storage.ErrNotFound):
			t.Errorf("%v: %v", p, err)
		}
		s.tally.spring(tr, fmt.Sprintf("image there afterwards: %t", err == nil))
		return tr
	})
	s.tally.log(t)
}
