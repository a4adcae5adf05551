// The trial: hostile images by the thousand go through a running lab, from
// several customers at once, with good images in between.
package images_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"minilab/internal/engine"
	"minilab/internal/trials"
	"minilab/internal/trials/images"
)

var (
	count = flag.Int("images", 500, "how many hostile images")
	seed  = flag.Uint64("seed", 1, "of the hostile images")
)

const (
	workers   = 2  // engine processes
	villains  = 6  // customers with hostile images
	customers = 2  // with good ones
	alone     = 60 // images that each of these has the lab to itself for
	patience  = 15 * time.Minute
)

func TestHostileImagesSixProcesses(t *testing.T) { try(t, trials.SixProcesses, "worker", 1) }
func TestHostileImagesOneProcess(t *testing.T)   { try(t, trials.OneProcess, "up", 4) }

// trial is one lab under fire.
type trial struct {
	*testing.T
	lab   *trials.Lab
	codes []string

	mu    sync.Mutex
	tally tally
	jobs  int // of the engine, or fewer
}

// try hands in one of so many of the images.
func try(t *testing.T, topology trials.Topology, worker string, share int) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	lab, err := trials.New("../../..", t.TempDir(), topology, fmt.Sprintf("--workers=%d", workers))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if logs := lab.KillAll(); t.Failed() {
			t.Logf("-seed %d\n%s", *seed, logs)
		}
	}()
	if err := lab.Start(ctx); err != nil {
		t.Fatal(err)
	}
	pids := pidsOf(lab)
	w := &watch{worker: lab.Process(worker).PID(), seen: map[string]*watched{}}
	watching, stop := context.WithCancel(ctx)
	defer stop()
	var looking sync.WaitGroup
	looking.Go(func() { w.follow(watching) })

	tr := &trial{T: t, lab: lab, codes: documented(t), tally: tally{}}
	before := tr.good(ctx, nil)
	began := time.Now()
	list := images.Hostile(*seed, *count) // in any order
	list = list[:len(list)/share]
	during := tr.storm(ctx, list)
	took := time.Since(began)
	after := tr.good(ctx, nil)
	stop()
	looking.Wait()

	tr.judge(w, worker, pids)
	memory, cpu := w.peaks()
	t.Logf("%d hostile images in %.1f s\n%s\nengine processes: %d, at most %d at once; the largest had %d MB, the busiest %.1f s of processor time\n"+
		"good images: before %s; meanwhile %s; after %s", len(list), took.Seconds(), tr.tally, len(w.seen), w.most, memory>>20, cpu.Seconds(),
		spread(before), spread(during), spread(after))
	if err := lab.Stop(); err != nil {
		t.Error(err)
	}
	w.mustHaveEnded(t)
}

func pidsOf(lab *trials.Lab) string {
	var all []string
	for _, p := range lab.Processes() {
		all = append(all, fmt.Sprint(p.Name, " ", p.PID()))
	}
	return strings.Join(all, ", ")
}

// storm hands all hostile images in, and good ones until it is over.
func (t *trial) storm(ctx context.Context, list []images.Image) (took []time.Duration) {
	queue, over := make(chan images.Image), make(chan struct{})
	var fighting, living sync.WaitGroup
	for range villains {
		fighting.Go(func() {
			for i := range queue {
				t.hostile(ctx, i)
			}
		})
	}
	living.Go(func() { took = t.good(ctx, over) })
	for _, i := range list {
		queue <- i
	}
	close(queue)
	fighting.Wait()
	close(over)
	living.Wait()
	return took
}

// hostile hands one in, and judges what became of it.
func (t *trial) hostile(ctx context.Context, i images.Image) {
	c := trials.Customer{Base: t.lab.URL("frontend"), HTTP: shared}
	o, err := hand(ctx, c, i.Data())
	if err != nil {
		t.Errorf("%v: %v", i, err)
		return
	}
	how, code, _ := strings.Cut(o.what, " ")
	if how != "finished" && !slices.Contains(t.codes, code) {
		t.Errorf("%v is %s: %s", i, o.what, o.detail)
	}
	if how != "refused" {
		t.did(2) // a result may be handed in again
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tally.add(i, o.what)
}

// did counts jobs of the engine.
func (t *trial) did(jobs int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.jobs += jobs
}

// good has customers hand good images in, until over is closed or, when that is
// nil, a fixed number. Each must come back exact. It gives how long they took.
func (t *trial) good(ctx context.Context, over <-chan struct{}) (took []time.Duration) {
	var mu sync.Mutex
	var working sync.WaitGroup
	for customer := range customers {
		working.Go(func() {
			for n := 0; !ended(over, n); n++ {
				d := t.exact(ctx, uint8(2*n+customer))
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
			}
		})
	}
	working.Wait()
	slices.Sort(took)
	t.did(len(took))
	return took
}

func ended(over <-chan struct{}, n int) bool {
	if over == nil {
		return n == alone
	}
	select {
	case <-over:
		return true
	default:
		return false
	}
}

// exact hands a good image in, which must come back exact.
func (t *trial) exact(ctx context.Context, seed uint8) time.Duration {
	data, tolerance := trials.JPEG(320, 240, seed), 4.0
	if seed%4 < 2 {
		data, tolerance = trials.PNG(320, 240, seed), 0
	}
	began := time.Now()
	c := trials.Customer{Base: t.lab.URL("frontend"), HTTP: shared}
	id, err := c.Upload(ctx, data)
	if err != nil {
		t.Errorf("a good image: %v", err)
		return 0
	}
	status, err := c.Await(ctx, id)
	took := time.Since(began)
	if err != nil || status.Status != "finished" {
		t.Errorf("a good image: %+v, %v", status, err)
		return took
	}
	result, err := c.Result(ctx, id)
	if err == nil {
		err = trials.Swapped(data, result, tolerance)
	}
	if err != nil {
		t.Errorf("a good image: %v", err)
	}
	return took
}

// judge looks at the processes: the services are the same, no engine was lost,
// and none went beyond its limits.
func (t *trial) judge(w *watch, worker, pids string) {
	if now := pidsOf(t.lab); now != pids {
		t.Errorf("the processes are %s, and were %s", now, pids)
	}
	for _, p := range t.lab.Processes() {
		select {
		case <-p.Done():
			t.Errorf("%s has ended:\n%s", p.Name, p.Log())
		default:
		}
	}
	if log := t.lab.Process(worker).Log(); strings.Contains(log, "engine process failed") {
		t.Error("an engine process has crashed")
	}
	limits := engine.DefaultLimits()
	if most := workers + t.jobs/limits.RecycleJobs; len(w.seen) == 0 || len(w.seen) > most {
		t.Errorf("%d engine processes did %d jobs or fewer, want at most %d", len(w.seen), t.jobs, most)
	}
	if memory, _ := w.peaks(); memory > limits.Memory+limits.MaxOutput {
		t.Errorf("an engine process had %d MB", memory>>20)
	}
}

var shared = client()

// spread is the middle and the end of sorted times.
func spread(took []time.Duration) string {
	at := func(p float64) time.Duration { return took[int(p*float64(len(took)-1))].Round(time.Millisecond) }
	return fmt.Sprintf("%d, p50 %v, p99 %v, longest %v", len(took), at(0.5), at(0.99), at(1))
}
