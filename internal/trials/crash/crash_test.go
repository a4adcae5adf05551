// Package crash kills the processes of a lab right before a call by which they
// change their files, at one call after the other, and looks at what a restart
// makes of it. Without -every it takes each kind of call at its first and last
// occurrence and a sample of the others.
package crash_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"minilab/internal/trials/syscalls"
)

const (
	root     = "../../.."       // of the repository
	patience = 30 * time.Second // for anything that must happen
)

var (
	every = flag.Bool("every", false, "kill at every call")
	seed  = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the sample")
)

func TestMain(m *testing.M) {
	syscalls.Main()
	if migrate() {
		return
	}
	_ = flag.Set("test.parallel", "4") // most of the time is waiting; the command line may say otherwise
	flag.Parse()
	os.Exit(m.Run())
}

// kind is an operation on a sort of file: what a point is called.
type kind string

var (
	drafts = regexp.MustCompile(`/\.tmp-.*`)
	images = regexp.MustCompile(`^(inProgress|finished)/[^.].*`)
)

func kindOf(c syscalls.Call) kind {
	file := drafts.ReplaceAllString(c.File, "/draft")
	if file == c.File {
		file = images.ReplaceAllString(file, "$1/image")
	}
	return kind(fmt.Sprintf("%s %s", c.Op, file))
}

// A point is the n-th call, counted from 1, of a scenario, or of its kind.
type point struct {
	kind kind // empty: any
	n    int
}

func (p point) String() string {
	if p.kind == "" {
		return fmt.Sprintf("call %d", p.n)
	}
	return fmt.Sprintf("%q no. %d", p.kind, p.n)
}

// points are those of a scenario that has made these calls undisturbed: all,
// or the first and the last of each kind and so many others.
func points(t *testing.T, calls []kind, sample int) []point {
	t.Helper()
	var list []point
	if *every {
		for n := range calls {
			list = append(list, point{n: n + 1})
		}
		return list
	}
	t.Logf("-seed %d", *seed)
	count := map[kind]int{}
	for _, k := range calls {
		if count[k]++; count[k] == 1 {
			list = append(list, point{k, 1})
		}
	}
	for k, n := range count {
		if n > 1 {
			list = append(list, point{k, n})
		}
	}
	r := rand.New(rand.NewPCG(*seed, 0))
	for _, n := range r.Perm(len(calls))[:min(sample, len(calls))] {
		list = append(list, point{n: n + 1})
	}
	return list
}

// An ailment is what befalls calls.
type ailment struct {
	verdict syscalls.Verdict
	ops     []syscalls.Op // that it befalls, and that are counted; none: all
	lasting bool          // all from the point on, not only the one
}

var death = ailment{verdict: syscalls.Verdict{Kill: true}}

// A trap waits for a process at a point, once.
type trap struct {
	point
	ailment
	sprung chan struct{} // closed when the point is reached

	mu     sync.Mutex
	calls  []kind
	where  kind   // the point was
	dead   string // the process, once it is killed
	active bool
	over   bool
	hits   int             // calls that it befell
	failed map[string]bool // files whose last fsync failed, and to which nothing was written since
	lies   []string        // of which an fsync was believed then
}

// set sets a trap for processes whose names begin with victim. The zero point
// is never reached.
func set(w *syscalls.Watch, victim string, p point, a ailment) *trap {
	t := &trap{point: p, ailment: a, sprung: make(chan struct{}), failed: map[string]bool{}}
	w.Decide(func(c syscalls.Call) syscalls.Verdict {
		if !strings.HasPrefix(c.Process, victim) {
			return syscalls.Verdict{}
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		v := t.at(c)
		t.follow(c, v)
		return v
	})
	return t
}

// follow notices an fsync that says nothing. After one has failed, the kernel
// takes what was not written for written.
func (t *trap) follow(c syscalls.Call, v syscalls.Verdict) {
	if v != (syscalls.Verdict{}) {
		t.hits++
	}
	switch {
	case c.Op == syscalls.Sync && v.Errno != 0:
		t.failed[c.File] = true
	case c.Op == syscalls.Sync && t.failed[c.File]:
		t.lies = append(t.lies, c.File)
	case v.Errno == 0:
		delete(t.failed, c.File)
		delete(t.failed, filepath.Dir(c.File))
	}
}

func (t *trap) at(c syscalls.Call) syscalls.Verdict {
	if t.dead == c.Process {
		return t.verdict // what is dying makes no call more
	}
	if t.over || t.dead != "" || len(t.ops) > 0 && !slices.Contains(t.ops, c.Op) {
		return syscalls.Verdict{}
	}
	k := kindOf(c)
	t.calls = append(t.calls, k)
	if t.reached(k) {
		t.where, t.active = k, true
		close(t.sprung)
		if t.verdict.Kill {
			t.dead = c.Process
		}
	}
	if !t.active {
		return syscalls.Verdict{}
	}
	t.active = t.lasting
	return t.verdict
}

// reached says whether the call that was counted last is the point.
func (t *trap) reached(k kind) bool {
	if t.kind == "" {
		return len(t.calls) == t.n
	}
	n := 0
	for _, other := range t.calls {
		if other == t.kind {
			n++
		}
	}
	return k == t.kind && n == t.n
}

// seen are the calls that were counted; the last is the one that was not made if
// the process was killed at it.
func (t *trap) seen() []kind {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.calls)
}

// befell is how many calls the ailment befell, and the files of which an fsync
// was believed that must not be.
func (t *trap) befell() (hits int, lies []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.hits, t.lies
}

// end takes the trap away.
func (t *trap) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
}

func (t *trap) has() bool {
	select {
	case <-t.sprung:
		return true
	default:
		return false
	}
}

// tally counts what came of it.
type tally struct {
	order []kind
	came  map[kind]map[string]int
}

func (ta *tally) add(k kind, outcome string) {
	if ta.came == nil {
		ta.came = map[kind]map[string]int{}
	}
	if ta.came[k] == nil {
		ta.order = append(ta.order, k)
		ta.came[k] = map[string]int{}
	}
	ta.came[k][outcome]++
}

// spring counts a trap that has sprung.
func (ta *tally) spring(t *trap, outcome string) {
	if t.has() {
		ta.add(t.where, outcome) // it does not change any more
	}
}

func (ta *tally) log(t *testing.T) {
	t.Helper()
	var b strings.Builder
	total := 0
	for _, k := range ta.order {
		fmt.Fprintf(&b, "\n| %s |", k)
		for outcome, n := range ta.came[k] {
			fmt.Fprintf(&b, " %d %s", n, outcome)
			total += n
		}
	}
	t.Logf("%d times%s", total, b.String())
}

// enumerate does what is to be done at each of the points. Undisturbed runs
// say which there are; what is not in both of them happens only now and then.
func enumerate(t *testing.T, sample int, do func(point) *trap) {
	t.Helper()
	once, calls := do(point{}).seen(), do(point{}).seen()
	calls = slices.DeleteFunc(calls, func(k kind) bool { return !slices.Contains(once, k) })
	if len(calls) == 0 {
		t.Fatal("no call was seen")
	}
	for _, p := range points(t, calls, sample) {
		if tr := do(p); !tr.has() && p.kind != "" && p.n == 1 {
			t.Errorf("%v was not come to: %q", p, tr.seen())
		}
	}
	for n := len(calls) + 1; *every && do(point{n: n}).has(); n++ { // a run may make more calls than the first
	}
}
