package master_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/lab"
	"minilab/internal/master"
	"minilab/internal/master/mastertest"
	"minilab/internal/pipeline"
	"minilab/internal/preset"
	"minilab/internal/taskdb"
)

func keep(t *testing.T, s kv.Store, name, value string) {
	t.Helper()
	if _, _, err := s.Put(t.Context(), preset.Prefix+name, []byte(value), kv.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

func withPreset(t *testing.T, l lab.Lab, s lab.Submission) (string, error) {
	t.Helper()
	s.Size = 1
	s.Fresh = true
	task, err := l.Submit(t.Context(), s, strings.NewReader("x"))
	return task.ID, err
}

func TestATaskHasTheTagOfItsPreset(t *testing.T) {
	var tasks taskdb.Store
	f := mastertest.OpenWith(t, func(s taskdb.Store) taskdb.Store { tasks = s; return s })
	keep(t, f.Presets, "live", "flip")
	keep(t, f.Presets, "kept@7", "flop")
	for name, tag := range map[string]string{"live": "preset:live", "kept": "preset:kept@7", "kept@7": "preset:kept@7"} {
		given := make([]string, 1, 8)
		given[0] = "mine"
		id, err := withPreset(t, f.Lab, lab.Submission{Preset: name, Tags: given})
		if err != nil {
			t.Fatal(err)
		}
		task, err := tasks.Get(t.Context(), id)
		if err != nil || !slices.Equal(task.Tags, []string{"mine", tag}) || given[:2][1] != "" {
			t.Errorf("%s: the tags are %q, %v", name, task.Tags, err)
		}
		page, err := tasks.List(t.Context(), taskdb.Filter{Tag: tag})
		if err != nil || !slices.ContainsFunc(page.Tasks, func(t taskdb.Task) bool { return t.ID == id }) {
			t.Errorf("%s is not listed under %s: %+v, %v", id, tag, page, err)
		}
	}
}

func TestPresetsWhileTheStoreIsAway(t *testing.T) {
	f := mastertest.Open(t)
	s := &awayKV{Store: f.Presets}
	known, never := master.NewPresets(s), master.NewPresets(s)
	m := f.Lab.(*master.Master)
	keep(t, f.Presets, "p", "flip")
	keep(t, f.Presets, "v@1", "flop")
	following(t, known)
	s.away.Store(true)
	for name, want := range map[string]error{"p": nil, "v": nil, "v@1": nil, "none": lab.ErrPreset} {
		m.Presets = known
		if _, err := withPreset(t, f.Lab, lab.Submission{Preset: name}); !errors.Is(err, want) {
			t.Errorf("what was known of %s: %v", name, err)
		}
		m.Presets = never
		if _, err := withPreset(t, f.Lab, lab.Submission{Preset: name}); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("nothing was known of %s: %v", name, err)
		}
	}
	m.Presets = nil
	if _, err := withPreset(t, f.Lab, lab.Submission{Preset: "p"}); !errors.Is(err, lab.ErrPreset) {
		t.Errorf("a master without presets: %v", err)
	}
}

// hungKV can be made to answer only once its caller gives up.
type hungKV struct {
	kv.Store
	hangs atomic.Bool
}

func (s *hungKV) Get(ctx context.Context, key string) (kv.Entry, error) {
	if s.hangs.Load() {
		<-ctx.Done()
	}
	return s.Store.Get(ctx, key)
}

func (s *hungKV) List(ctx context.Context, prefix, cursor string, limit int) (kv.Page, error) {
	if s.hangs.Load() {
		<-ctx.Done()
	}
	return s.Store.List(ctx, prefix, cursor, limit)
}

func TestAStoreThatHangsHoldsNobodyUpForLong(t *testing.T) {
	f := mastertest.Open(t)
	s := &hungKV{Store: f.Presets}
	known := master.NewPresets(s)
	f.Lab.(*master.Master).Presets = known
	keep(t, f.Presets, "p", "flip")
	following(t, known)
	s.hangs.Store(true)
	start := time.Now()
	if _, err := withPreset(t, f.Lab, lab.Submission{Preset: "p"}); err != nil || time.Since(start) >= 2*time.Second { // which the store would have been waited for
		t.Errorf("a preset that is known, after %v: %v", time.Since(start), err)
	}
	start = time.Now()
	if _, err := withPreset(t, f.Lab, lab.Submission{Preset: "none"}); !errors.Is(err, lab.ErrPreset) || time.Since(start) > 8*time.Second {
		t.Errorf("a preset that is not known, after %v: %v", time.Since(start), err)
	}
}

// following has the presets follow their store until the test ends, and waits
// until they have read it.
func following(t *testing.T, p *master.Presets) {
	t.Helper()
	var running sync.WaitGroup
	running.Go(func() { p.Follow(t.Context(), slog.New(slog.DiscardHandler)) })
	t.Cleanup(running.Wait)
	<-p.Synced()
}

func TestPresetsWithOperationsOfOnesOwn(t *testing.T) {
	f, _, _ := withOperations(t)
	keep(t, f.Presets, "drawn", "resize:100/sketch:3")
	_, err := withPreset(t, f.Lab, lab.Submission{Preset: "drawn"})
	if !errors.Is(err, preset.ErrInvalid) || !strings.Contains(err.Error(), `the preset "drawn" cannot be used: at character 12: unknown operation "sketch"`) {
		t.Errorf("before it is declared: %v", err)
	}
	declare(t, f.Presets, "sketch", sketch)
	id, err := withPreset(t, f.Lab, lab.Submission{Preset: "drawn"})
	if err != nil {
		t.Fatal(err)
	}
	list, err := f.Lab.Claim(t.Context(), lab.ClaimRequest{Worker: "w", Accepts: []string{"sketch"}, Wait: time.Second})
	if err != nil || len(list) != 1 || list[0].ID != id {
		t.Errorf("who draws gets %+v, %v", list, err)
	}
}

func TestLimitsHoldForPresetsToo(t *testing.T) {
	f := mastertest.Open(t)
	f.Lab.(*master.Master).Limits = lab.Limits{MaxOutputs: 2, MaxPixels: 1_000_000}
	keep(t, f.Presets, "large", "flip/extend:1001x1000")
	keep(t, f.Presets, "largest", "flip/extend:1000x1000")
	keep(t, f.Presets, "two", `{"outputs":"a=flip|b=flop"}`)
	keep(t, f.Presets, "three", `{"outputs":"a=flip|b=flop|c=swap"}`)
	for name, want := range map[string]string{
		"largest": "", "two": "",
		"large": `the preset "large" cannot be used: at operation 2: extend makes 1001x1000 pixels`,
		"three": `the preset "three" cannot be used: there are at most 2 outputs, got 3`,
	} {
		_, err := withPreset(t, f.Lab, lab.Submission{Preset: name})
		if want == "" && err != nil || want != "" && (!errors.Is(err, preset.ErrInvalid) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	for text, want := range map[string]string{"a=flip|b=flop": "", "a=flip|b=flop|c=swap": "there are at most 2 outputs, got 3", "a=flip|b=extend:1001x1000": `output "b": at operation 1: extend makes`} {
		outputs, err := pipeline.ParseOutputs(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := withPreset(t, f.Lab, lab.Submission{Outputs: outputs}); want == "" != (err == nil) || !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
