package kills

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"minilab/internal/taskdb"
	"minilab/internal/trials"
)

const killSignal = syscall.SIGKILL

// Bounds of the recovery after the last blow.
const (
	newcomerTime = 30 * time.Second // in which a new image must pass
	restTime     = 90 * time.Second // in which all must end: leases, then the longest backoffs
	sweptTime    = 60 * time.Second // in which nothing must be left behind: the lock of a dead sweeper, then the grace
)

// How labs sweep: often, and with a grace of which half, the time that a master
// has to make a task, is over before a long stop is.
const (
	sweepEvery = 2 * time.Second
	sweepGrace = 2 * lease
)

// trial is one lab's life under blows.
type trial struct {
	topology trials.Topology
	seed     uint64
	album    album
	rounds   int           // how often each victim is struck by each signal; 0: until the time is over
	time     time.Duration // how long to strike, without rounds
	maxPause time.Duration // between blows

	lab     *trials.Lab
	rng     *rand.Rand
	crowd   *crowd
	watcher *watcher

	mu  sync.Mutex
	bad []string

	evidence evidence
	orphans  int           // files that no row pointed to when all had ended
	newcomer time.Duration // of the first image after the last blow
}

// blame takes what must not be.
func (tr *trial) blame(format string, args ...any) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.bad = append(tr.bad, fmt.Sprintf(format, args...))
}

// run is the trial, in a folder of its own: the lab lives as live says, and is
// then examined.
func (tr *trial) run(ctx context.Context, dir string, live func(context.Context) error) error {
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	if tr.lab, err = trials.New("../../..", dir, tr.topology,
		"--lease", lease.String(), "--sweep-every", sweepEvery.String(), "--sweep-grace", sweepGrace.String()); err != nil {
		return err
	}
	tr.lab.Prepare = func(name string, cmd *exec.Cmd) { cmd.Stderr = io.MultiWriter(cmd.Stderr, named{name, log}) }
	defer tr.lab.KillAll()
	if err := tr.lab.Start(ctx); err != nil {
		return err
	}
	tr.rng = rand.New(rand.NewPCG(tr.seed, 0))
	tr.crowd = newCrowd(tr.album, tr.lab.URLs("frontend"), tr.blame)
	tr.watcher = newWatcher(tr.blame)
	if err := tr.watched(ctx, live); err != nil {
		return err
	}
	tr.evidence.seen = tr.watcher.seen
	for _, bad := range tr.evidence.violations() {
		tr.blame("%s", bad)
	}
	return tr.lab.Stop()
}

// watched is the part of the lab's life in which its feed is followed.
func (tr *trial) watched(ctx context.Context, live func(context.Context) error) error {
	tr.watcher.move(tr.lab.URL("taskdb"))
	following, enough := context.WithCancel(ctx)
	defer func() { enough(); <-tr.watcher.done }()
	go tr.watcher.follow(following)
	if err := live(ctx); err != nil {
		return err
	}
	if err := tr.rest(ctx); err != nil {
		return err
	}
	return tr.examine(ctx)
}

// blows is the life of a lab that is struck while customers come, up to the end
// of the last one's visit.
func (tr *trial) blows(ctx context.Context) error {
	open, closeDoors := context.WithCancel(ctx)
	defer closeDoors()
	visits, giveUp := context.WithCancelCause(ctx)
	defer tr.crowd.visits.Wait()
	defer giveUp(errors.New("the trial was broken off"))
	tr.crowd.open(visits, open, tr.rng)
	if err := tr.strike(ctx); err != nil {
		return err
	}
	if err := tr.welcome(ctx); err != nil {
		return err
	}
	closeDoors()
	defer time.AfterFunc(restTime, func() { giveUp(fmt.Errorf("it has not ended within %v", restTime)) }).Stop()
	tr.crowd.visits.Wait()
	return nil
}

// strike deals the blows.
func (tr *trial) strike(ctx context.Context) error {
	begun := time.Now()
	for n := 0; n < tr.rounds || tr.rounds == 0; n++ {
		for _, s := range round(tr.rng, tr.topology, tr.maxPause) {
			if tr.rounds == 0 && time.Since(begun) > tr.time {
				return nil
			}
			if err := tr.deal(ctx, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// deal deals one blow.
func (tr *trial) deal(ctx context.Context, s step) error {
	done, err := s.do(ctx, tr.lab, func() int { return int(tr.crowd.inFlight.Load()) })
	tr.evidence.strikes = append(tr.evidence.strikes, done)
	if err != nil {
		return fmt.Errorf("after %s was %s: %w", s.victim, s.what(), err)
	}
	tr.watcher.move(tr.lab.URL("taskdb"))
	return nil
}

// welcome has a new image pass.
func (tr *trial) welcome(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, newcomerTime, fmt.Errorf("no new image has passed %v after the last blow", newcomerTime))
	defer cancel()
	begun := time.Now()
	for {
		o := tr.crowd.visit(ctx, picture(tr.rng.Uint64()))
		if o.result != "" {
			tr.newcomer = time.Since(begun)
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// rest waits until every task has ended, also those of which no customer knows.
func (tr *trial) rest(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, restTime)
	defer cancel()
	for {
		stats, err := tr.watcher.client().Stats(ctx)
		if err == nil && stats.Counts[taskdb.NotStarted]+stats.Counts[taskdb.InProgress] == 0 {
			return tr.catchUp(ctx, stats.LastSeq)
		}
		if sleep(ctx, retryPause) != nil {
			return fmt.Errorf("tasks have not ended within %v: %v: %w", restTime, stats.Counts, err)
		}
	}
}

func (tr *trial) catchUp(ctx context.Context, seq int64) error {
	for tr.watcher.last() < seq {
		if err := sleep(ctx, retryPause); err != nil {
			return fmt.Errorf("the feed has been followed to %d of %d: %w", tr.watcher.last(), seq, err)
		}
	}
	return nil
}

// examine collects the evidence.
func (tr *trial) examine(ctx context.Context) error {
	e, err := tr.watcher.everything(ctx)
	if err != nil {
		return err
	}
	e.orders, e.strikes = tr.crowd.orders, tr.evidence.strikes
	tr.evidence = e
	if err := tr.swept(ctx); err != nil {
		return err
	}
	return tr.pickUpAgain(ctx)
}

// swept waits until there is no file that no row points to, or too long.
func (tr *trial) swept(ctx context.Context) (err error) {
	e := &tr.evidence
	for until, first := time.Now().Add(sweptTime), true; ; first = false {
		if e.files, err = readFiles(filepath.Join(tr.lab.Dir, "data")); err != nil {
			return err
		}
		left := len(e.orphans())
		if first {
			tr.orphans = left
		}
		if left == 0 || time.Now().After(until) {
			return nil
		}
		if err := sleep(ctx, retryPause); err != nil {
			return err
		}
	}
}

// pickUpAgain fetches every result once more: those that were picked up must
// be the same, those of uploads without an answer are compared now.
func (tr *trial) pickUpAgain(ctx context.Context) error {
	orders := map[string]*order{}
	for _, o := range tr.evidence.orders {
		orders[o.sha] = o
	}
	for _, t := range tr.evidence.tasks {
		o := orders[t.Source.SHA256]
		if t.State != taskdb.Finished || o == nil {
			continue
		}
		results, err := o.print.collect(ctx, tr.crowd.customer(0), t.ID)
		if err != nil {
			return fmt.Errorf("the result of %s: %w", t.ID, err)
		}
		result, err := tr.again(o.print).compare(results)
		switch {
		case err != nil:
		case o.result == "":
			o.result = result
		case o.result != result:
			err = errors.New("it has changed since it was picked up")
		}
		if err != nil {
			tr.blame("the result of %s: %v", t.ID, err)
		}
	}
	return nil
}

// again makes an image that was handed in once more.
func (tr *trial) again(p print) print {
	if p.photo == "" {
		return picture(p.seed)
	}
	p, err := tr.album.photograph(p.seed)
	if err != nil {
		tr.blame("%v", err)
	}
	return p
}

// named is a log that says whose each line is.
type named struct {
	name string
	log  io.Writer
}

// Write implements io.Writer. A process writes whole lines.
func (n named) Write(p []byte) (int, error) {
	_, err := fmt.Fprintf(n.log, "[%s] %s", n.name, p)
	return len(p), err
}
