package kills

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"minilab/internal/taskdb"
)

// report adds trials up.
type report struct {
	blows    map[blow]*effect
	labs     map[string]int // by topology
	taken    int            // images that were taken in
	unheard  int            // uploads without an answer, and of these
	ghosts   int            // those that have a task
	finished int
	reasons  map[string]int // of failed tasks
	retries  map[string]int // attempts that went wrong, by code
	slowest  time.Duration  // newcomer
	orphans  int
	bad      int
}

// blow is a kind of blow.
type blow struct{ victim, what string }

// effect is what blows of a kind have led to. What happens between two blows
// counts for the first of them; the times go on over the blows that follow.
type effect struct {
	times, inFlight int
	out             []time.Duration // until all was ready again
	next            []time.Duration // until the next task was finished
	fresh           []time.Duration // until the first image handed in after it was picked up
	expired, tried  int             // leases; attempts that went wrong else
	failed          int
}

func newReport() *report {
	return &report{blows: map[blow]*effect{}, labs: map[string]int{}, reasons: map[string]int{}, retries: map[string]int{}}
}

// add counts a trial.
func (r *report) add(name string, tr *trial) {
	r.labs[name]++
	r.bad += len(tr.bad)
	r.orphans += tr.orphans
	r.slowest = max(r.slowest, tr.newcomer)
	e := &tr.evidence
	tasks := map[string]bool{}
	for _, t := range e.tasks {
		tasks[t.Source.SHA256] = true
		switch t.State {
		case taskdb.Finished:
			r.finished++
		case taskdb.Failed:
			r.reasons[t.Error.Code]++
		}
	}
	for _, o := range e.orders {
		switch {
		case o.id != "":
			r.taken++
		default:
			r.unheard++
			if tasks[o.sha] {
				r.ghosts++
			}
		}
	}
	for i, s := range e.strikes {
		r.addStrike(e, s, until(e.strikes, i))
	}
}

// until is when the next blow comes.
func until(strikes []strike, i int) time.Time {
	if i+1 < len(strikes) {
		return strikes[i+1].at
	}
	return time.Now()
}

func (r *report) addStrike(e *evidence, s strike, end time.Time) {
	if s.missed {
		return
	}
	key := blow{s.kind(), s.what()}
	if r.blows[key] == nil {
		r.blows[key] = &effect{}
	}
	x := r.blows[key]
	x.times++
	x.inFlight += s.inFlight
	x.out = append(x.out, s.over.Sub(s.at))
	if d, ok := e.nextFinished(s.at); ok {
		x.next = append(x.next, d)
	}
	if d, ok := e.nextFresh(s.at); ok {
		x.fresh = append(x.fresh, d)
	}
	for _, ev := range e.events {
		if ev.Error == nil || cause(ev).Before(s.at) || !cause(ev).Before(end) {
			continue
		}
		r.retries[ev.Error.Code]++
		if ev.Error.Code == codeExpired {
			x.expired++
		} else {
			x.tried++
		}
		if ev.State == taskdb.Failed {
			x.failed++
		}
	}
}

// cause is the latest time at which the blow was dealt that an event tells of.
// A worker is silent for the rest of its lease before that expires.
func cause(ev taskdb.Event) time.Time {
	if ev.Error.Code == codeExpired {
		return ev.Time.Add(-lease * 2 / 3)
	}
	return ev.Time
}

// nextFinished is how long after a time a task became finished.
func (e *evidence) nextFinished(at time.Time) (time.Duration, bool) {
	for _, ev := range e.events {
		if ev.State == taskdb.Finished && ev.Time.After(at) {
			return ev.Time.Sub(at), true
		}
	}
	return 0, false
}

// nextFresh is how long after a time the result of an image that was handed in
// after it could be picked up.
func (e *evidence) nextFresh(at time.Time) (least time.Duration, ok bool) {
	for _, o := range e.orders {
		if d := o.ended.Sub(at); o.result != "" && o.begun.After(at) && d > 0 && (!ok || d < least) {
			least, ok = d, true
		}
	}
	return least, ok
}

// table is one line for each kind of blow.
func (r *report) table() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 1, ' ', tabwriter.AlignRight|tabwriter.Debug)
	row := func(cells ...any) {
		for _, c := range cells {
			fmt.Fprintf(w, " %v\t", c)
		}
		fmt.Fprintln(w)
	}
	row("victim", "blow", "times", "in flight", "ready again p50", "max", "next finished p50", "max", "new image p50", "max", "lost leases", "retried", "failed")
	for _, key := range slices.SortedFunc(maps.Keys(r.blows), func(a, b blow) int {
		return cmp.Or(cmp.Compare(a.victim, b.victim), cmp.Compare(a.what, b.what))
	}) {
		x := r.blows[key]
		row(key.victim, key.what, x.times, fmt.Sprintf("%.1f", float64(x.inFlight)/float64(x.times)),
			middle(x.out), most(x.out), middle(x.next), most(x.next), middle(x.fresh), most(x.fresh), x.expired, x.tried, x.failed)
	}
	w.Flush()
	return text.String()
}

// verdict is the whole in a few lines.
func (r *report) verdict(seed uint64) string {
	word := "PASS"
	if r.bad > 0 {
		word = fmt.Sprintf("FAIL (%d violations)", r.bad)
	}
	kills, stops := 0, 0
	for key, x := range r.blows {
		if key.what == "killed" {
			kills += x.times
		} else {
			stops += x.times
		}
	}
	return fmt.Sprintf("%s, seed %d: labs %v, %d kills, %d stops; %d images taken in, %d uploads without an answer (%d of them became tasks); "+
		"%d finished and exact, failed %v, attempts that went wrong %v, first new image at the end within %v, %d orphans to be swept at the end, lost %d",
		word, seed, r.labs, kills, stops, r.taken, r.unheard, r.ghosts,
		r.finished, r.reasons, r.retries, r.slowest.Round(time.Millisecond), r.orphans, r.lost())
}

// lost is how many tasks are neither finished nor failed.
func (r *report) lost() int {
	failed := 0
	for _, n := range r.reasons {
		failed += n
	}
	return r.taken + r.ghosts - r.finished - failed
}

func middle(list []time.Duration) any {
	if len(list) == 0 {
		return "-"
	}
	slices.Sort(list)
	return list[len(list)/2].Round(time.Millisecond)
}

func most(list []time.Duration) any {
	if len(list) == 0 {
		return "-"
	}
	return slices.Max(list).Round(time.Millisecond)
}
