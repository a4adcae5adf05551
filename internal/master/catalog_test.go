package master_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/lab"
	"minilab/internal/lab/labtest"
	"minilab/internal/master"
	"minilab/internal/master/mastertest"
	"minilab/internal/pipeline"
)

const sketch = `{"summary": "Draws it.", "with": ["resize"], "params": [{"name": "width", "kind": "number", "default": 2, "max": 9}]}`

// withOperations is a master whose catalog asks a store that can be away.
func withOperations(t *testing.T) (labtest.Fixture, *master.Catalog, *awayKV) {
	t.Helper()
	f := mastertest.Open(t)
	s := &awayKV{Store: f.Presets}
	c := master.NewCatalog(s)
	f.Lab.(*master.Master).Operations = c
	return f, c, s
}

type awayKV struct {
	kv.Store
	away atomic.Bool
}

func (s *awayKV) Get(ctx context.Context, key string) (kv.Entry, error) {
	if s.away.Load() {
		return kv.Entry{}, fault.ErrUnavailable
	}
	return s.Store.Get(ctx, key)
}

func declare(t *testing.T, s kv.Store, name, declaration string) {
	t.Helper()
	if _, _, err := s.Put(t.Context(), master.OperationPrefix+name, []byte(declaration), kv.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

func submit(t *testing.T, l lab.Lab, text, outputs string) (string, error) {
	t.Helper()
	s := lab.Submission{Size: 1}
	var err error
	if s.Pipeline, err = pipeline.ParseOpen(text); err != nil {
		t.Fatal(err)
	}
	if outputs != "" {
		if s.Outputs, err = pipeline.ParseOutputsOpen(outputs); err != nil {
			t.Fatal(err)
		}
	}
	s.Fresh = true
	task, err := l.Submit(t.Context(), s, strings.NewReader("x"))
	return task.ID, err
}

func claim(t *testing.T, l lab.Lab, accepts ...string) []lab.Work {
	t.Helper()
	list, err := l.Claim(t.Context(), lab.ClaimRequest{Worker: "w", Accepts: accepts, Max: 10})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestCustomWorkGoesToWhoAcceptsIt(t *testing.T) {
	f, _, _ := withOperations(t)
	declare(t, f.Presets, "sketch", sketch)
	id, err := submit(t, f.Lab, "resize:5/sketch", "a=|b=sketch:3")
	if err != nil {
		t.Fatal(err)
	}
	if list := claim(t, f.Lab); len(list) > 0 {
		t.Errorf("who accepts nothing in particular gets %+v", list)
	}
	if list := claim(t, f.Lab, "image", "other"); len(list) > 0 {
		t.Errorf("who accepts something else gets %+v", list)
	}
	list := claim(t, f.Lab, "other", "sketch")
	if len(list) != 1 || list[0].ID != id {
		t.Fatalf("who accepts it gets %+v", list)
	}
	data, err := json.Marshal([]any{list[0].Pipeline, list[0].Outputs[1].Pipeline})
	if err != nil || string(data) != `[[{"op":"resize","width":5},{"op":"sketch","width":2}],[{"op":"sketch","width":3}]]` {
		t.Errorf("the worker is told %s, %v", data, err)
	}
	if _, err := submit(t, f.Lab, "swap", ""); err != nil {
		t.Fatal(err)
	}
	if list := claim(t, f.Lab, "sketch"); len(list) > 0 {
		t.Errorf("who accepts sketch gets built-in work: %+v", list)
	}
}

func TestCustomOperationsAreJudgedAtSubmission(t *testing.T) {
	f, _, _ := withOperations(t)
	declare(t, f.Presets, "sketch", sketch)
	declare(t, f.Presets, "broken", "{") // as another version may have written it
	for _, c := range []struct{ text, outputs, want string }{
		{"sketsh", "", `at character 1: unknown operation "sketsh"`},
		{"swop", "", `unknown operation "swop", did you mean "swap"?`},
		{"broken", "", `unknown operation "broken"`},
		{"sketch:10", "", "at character 1: sketch: width is"},
		{"sketch/swap", "", "at operation 2: swap cannot be beside sketch, whose workers do only resize besides"},
		{"sketch", "a=|b=webp", "webp cannot be beside sketch"},
		{"resize:5", "a=flop|b=sketch:width=0:height=1", `output "b": at character 1: sketch has no parameter "height"`},
	} {
		_, err := submit(t, f.Lab, c.text, c.outputs)
		if !errors.Is(err, pipeline.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %s", c.text, c.outputs, err, c.want)
		}
	}
	if err := f.Presets.Delete(t.Context(), master.OperationPrefix+"sketch", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := submit(t, f.Lab, "sketch", ""); !errors.Is(err, pipeline.ErrInvalid) {
		t.Errorf("an operation that is not declared any more: %v", err)
	}
}

// TestTheCatalogFollowsTheStore and keeps what it knows while that is away.
func TestTheCatalogFollowsTheStore(t *testing.T) {
	f, c, s := withOperations(t)
	declare(t, f.Presets, "sketch", sketch)
	s.away.Store(true)
	if _, err := submit(t, f.Lab, "sketch", ""); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("before anything is known: %v", err)
	}
	if _, err := submit(t, f.Lab, "swap", ""); err != nil {
		t.Errorf("a built-in operation while the store is away: %v", err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var done sync.WaitGroup
	done.Go(func() { c.Follow(ctx, slog.New(slog.DiscardHandler)) })
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	known := func(name string) {
		t.Helper()
		check := time.NewTicker(2 * time.Millisecond)
		defer check.Stop()
		for deadline := time.Now().Add(20 * time.Second); ; <-check.C {
			ops := c.Ops()
			if ops[len(ops)-1].Name == name {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("the last operation is %s, want %s", ops[len(ops)-1].Name, name)
			}
		}
	}
	known("sketch")
	if _, err := submit(t, f.Lab, "sketch:3", ""); err != nil {
		t.Errorf("what is known while the store is away: %v", err)
	}
	if _, err := submit(t, f.Lab, "skitch", ""); !errors.Is(err, pipeline.ErrInvalid) || !strings.Contains(err.Error(), `did you mean "sketch"?`) {
		t.Errorf("what is not known while the store is away: %v", err)
	}
	s.away.Store(false)
	declare(t, f.Presets, "tweak", sketch)
	if _, err := submit(t, f.Lab, "tweak", ""); err != nil {
		t.Errorf("what has just been declared: %v", err)
	}
	known("tweak")
}
