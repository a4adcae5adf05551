package engine_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"minilab/internal/engine"
	"minilab/internal/engine/enginetest"
)

// counted is a pool of one rogue process, and what its metrics say.
type counted struct {
	*engine.Pool
	*prometheus.Registry
}

func newCounted(t *testing.T, l engine.Limits) counted {
	t.Helper()
	reg := prometheus.NewRegistry()
	return counted{enginetest.Pool(t, engine.Config{Path: enginetest.Rogue(t), Processes: 1, Limits: l, Metrics: reg}), reg}
}

// value is that of the metric's series with the label; -1: there is none.
func (c counted) value(t *testing.T, name, label string) float64 {
	t.Helper()
	families, err := c.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.Metric {
			if f.GetName() == name && (label == "" || m.Label[0].GetValue() == label) {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return -1
}

func TestTheEndsOfProcessesAreCountedByReason(t *testing.T) {
	for command, reason := range map[string]string{
		"crash": "crashed", "garbage": "crashed", "out-of-memory": "memory", "eat": "memory", "hang": "timeout", "stop": "timeout",
	} {
		t.Run(command, func(t *testing.T) {
			l := limits()
			if reason == "timeout" {
				l.Timeout = 200 * time.Millisecond
			}
			c := newCounted(t, l)
			if _, err := tell(t, c.Pool, "ann", command); err == nil {
				t.Fatal("it went well")
			}
			if n := c.value(t, "minilab_engine_ends_total", reason); n != 1 {
				t.Errorf("%v ends by %s: %s", n, reason, c.text(t))
			}
			mustTell(t, c.Pool, "ann", "ok")
			if n := c.value(t, "minilab_engine_starts_total", "ok"); n != 2 {
				t.Errorf("%v starts", n)
			}
		})
	}
}

func (c counted) text(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	families, err := c.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		b.WriteString(f.String() + "\n")
	}
	return b.String()
}

func TestProcessesThatEndInPeaceAreCountedToo(t *testing.T) {
	l := limits()
	l.RecycleJobs = 2
	c := newCounted(t, l)
	if n, bytes := c.value(t, "minilab_engine_processes", ""), c.value(t, "minilab_engine_memory_bytes", ""); n != 1 || bytes < 100<<10 {
		t.Errorf("%v processes of %v bytes", n, bytes)
	}
	for range 2 {
		mustTell(t, c.Pool, "ann", "ok")
	}
	mustTell(t, c.Pool, "ann", "ok")
	mustTell(t, c.Pool, "bob", "ok")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := tellContext(ctx, t, c.Pool, "bob", "hang"); err == nil {
		t.Fatal("it was not given up")
	}
	mustTell(t, c.Pool, "bob", "ok")
	c.Close()
	for _, reason := range []string{"recycled", "owner", "canceled", "closed"} {
		if n := c.value(t, "minilab_engine_ends_total", reason); n != 1 {
			t.Errorf("%v ends by %s", n, reason)
		}
	}
	if n, starts := c.value(t, "minilab_engine_processes", ""), c.value(t, "minilab_engine_starts_total", "ok"); n != 0 || starts != 4 {
		t.Errorf("%v processes of %v are left", n, starts)
	}
}
