package sqlite

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
)

// series are the metrics of a store by their name and labels.
func series(t *testing.T, reg *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.Metric {
			name := strings.TrimPrefix(f.GetName(), "minilab_")
			for _, l := range m.Label {
				name += " " + l.GetValue()
			}
			all[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return all
}

func TestMetricsMove(t *testing.T) {
	now := time.UnixMicro(1_700_000_000_000_000)
	s, _ := start(t, t.TempDir(), sqltaskdb.Options{Now: func() time.Time { return now }, Backoff: func(int) time.Duration { return 0 }})
	create(t, s, taskdb.Task{ID: "before"})
	m, err := s.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(m)
	expect := func(want map[string]float64) {
		t.Helper()
		got := series(t, reg)
		for name, v := range want {
			if got[name] != v {
				t.Errorf("%s is %v, want %v; all are %v", name, got[name], v, got)
			}
		}
	}
	expect(map[string]float64{"tasks not-started": 1, "queue_ready image 0": 1, "queue_oldest_seconds image 0": 0, "task_moves_total none not-started": 0})

	now = now.Add(7 * time.Second)
	for i := range 3 {
		create(t, s, taskdb.Task{ID: fmt.Sprintf("t%d", i), Priority: 5, Owner: fmt.Sprintf("owner%d", i)})
	}
	create(t, s, taskdb.Task{ID: "later", RunAt: now.Add(time.Hour)})
	now = now.Add(3 * time.Second)
	expect(map[string]float64{
		"queue_ready image 0": 1, "queue_oldest_seconds image 0": 10, "queue_ready image 5": 3, "queue_oldest_seconds image 5": 3,
		"task_moves_total none not-started": 4, "tasks not-started": 5,
	})

	c := claim(t, s, 0)
	if _, err := s.Fail(t.Context(), []taskdb.Failure{{ID: c.ID, Lease: c.Lease, Retry: true}}); err != nil {
		t.Fatal(err)
	}
	c = claim(t, s, 0)
	finish := taskdb.Finish{ID: c.ID, Lease: c.Lease, Outputs: []taskdb.Output{{Blob: taskdb.Blob{Key: "k", SHA256: "s"}}}}
	if errs, err := s.Finish(t.Context(), []taskdb.Finish{finish}); err != nil || errs[0] != nil {
		t.Fatal(err, errs)
	}
	if _, err := s.Delete(t.Context(), c.ID); err != nil {
		t.Fatal(err)
	}
	after := map[string]float64{
		"task_moves_total not-started in-progress": 2, "task_moves_total in-progress not-started": 1, "task_moves_total in-progress finished": 1,
		"task_moves_total finished deleted": 1, "task_moves_total in-progress failed": 0, "tasks finished": 0, "queue_ready image 5": 2,
	}
	expect(after)
	expect(after) // nothing is counted twice

	for range 3 {
		claim(t, s, 0)
	}
	got := series(t, reg)
	if _, there := got["queue_ready image 5"]; there || got["queue_ready image 0"] != 0 || got["queue_oldest_seconds image 0"] != 0 {
		t.Errorf("of an empty queue there is %v", got)
	}
	for name := range maps.Keys(got) {
		if strings.Contains(name, "owner") {
			t.Errorf("the owner is a label: %s", name)
		}
	}
}

func TestPendingWebhooksAreCounted(t *testing.T) {
	now := time.UnixMicro(1_700_000_000_000_000)
	s, _ := start(t, t.TempDir(), sqltaskdb.Options{Now: func() time.Time { return now }})
	m, err := s.Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	reg.MustRegister(m)
	for _, id := range []string{"a", "b"} {
		create(t, s, taskdb.Task{ID: id, Callback: "https://example.com/" + id})
		if _, err := s.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	now = now.Add(90 * time.Second)
	if got := series(t, reg); got["webhooks_pending"] != 2 || got["webhooks_overdue_seconds"] != 90 {
		t.Errorf("%v", got)
	}
}
