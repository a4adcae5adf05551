package engine

import (
	"errors"
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// Why processes end.
const (
	byRecycled = "recycled" // it has done the number of jobs that it is for
	byOwner    = "owner"    // another owner's images need its place
	byClosed   = "closed"   // the worker stops
	byCanceled = "canceled" // its job was given up: the lease was lost
	byTimeout  = "timeout"
	byMemory   = "memory"
	byCrashed  = "crashed" // it died, or said what makes no sense
	byUnclean  = "unclean" // it was not done when it said so
)

var reasons = []string{byRecycled, byOwner, byClosed, byCanceled, byTimeout, byMemory, byCrashed, byUnclean}

// metrics of a pool. Processes are looked at when somebody asks.
type metrics struct {
	starts, failedStarts prometheus.Counter
	ends                 *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, p *Pool) *metrics {
	starts := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "minilab_engine_starts_total", Help: "Starts of engine processes, by outcome: ok or failed.",
	}, []string{"outcome"})
	m := &metrics{
		starts: starts.WithLabelValues("ok"), failedStarts: starts.WithLabelValues("failed"),
		ends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "minilab_engine_ends_total",
			Help: "Engine processes that ended, by reason: recycled, owner, closed; and timeout, memory, crashed, canceled, unclean, which cost an attempt or a process.",
		}, []string{"reason"}),
	}
	for _, reason := range reasons {
		m.ends.WithLabelValues(reason)
	}
	if reg != nil {
		reg.MustRegister(starts, m.ends,
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "minilab_engine_processes", Help: "Engine processes that there are."},
				func() float64 { return float64(len(p.processes())) }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "minilab_engine_memory_bytes", Help: "Memory of all engine processes, without what they share with files."},
				func() float64 { return float64(p.memory()) }))
	}
	return m
}

func (m *metrics) ended(proc *process, otherwise string) {
	if proc.fate == "" {
		proc.fate = otherwise
	}
	m.ends.WithLabelValues(proc.fate).Inc()
}

// processes are those that there are, at work or not.
func (p *Pool) processes() []*process {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.AppendSeq(slices.Clone(p.idle), maps.Keys(p.busy))
}

func (p *Pool) memory() (bytes int64) {
	for _, proc := range p.processes() {
		if v, err := proc.vitals(); err == nil {
			bytes += v.own + v.shared
		}
	}
	return bytes
}

// die says that the process is to be replaced, and why.
func (p *process) die(fate string) {
	p.dead = true
	if p.fate == "" {
		p.fate = fate
	}
}

// fateOf is why a process ended that was killed for that reason.
func fateOf(reason error) string {
	switch {
	case errors.Is(reason, ErrTimeout):
		return byTimeout
	case errors.Is(reason, ErrMemory):
		return byMemory
	case errors.Is(reason, ErrCrashed):
		return byCrashed
	case errors.Is(reason, ErrClosed):
		return byClosed
	}
	return byCanceled
}
