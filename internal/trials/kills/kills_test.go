// Package kills has whole labs at work while their processes are killed and
// stopped, and then looks for anything that was lost, done twice or mixed up.
//
//	go test ./internal/trials/kills                                    the short form, about 40 s
//	go test ./internal/trials/kills -run TestSoak -soak 10m -timeout 15m -v -args -photos DIR
package kills

import (
	"context"
	"flag"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"minilab/internal/trials"
)

var (
	soak   = flag.Duration("soak", 0, "how long to strike; 0: each victim once by each signal")
	seed   = flag.Uint64("seed", 0, "of the schedules and the images; 0: a random one for the soak, else 1")
	photos = flag.String("photos", "", "a folder of JPEGs that customers bring as well")
)

// scene is a topology by the name that the report has for it.
type scene struct {
	name     string
	topology trials.Topology
}

var scenes = []scene{{"one process", trials.OneProcess}, {"six processes", trials.SixProcesses}, {"pairs", trials.Pairs}}

// maxTurn is how long a soak stays with one lab.
const maxTurn = 90 * time.Second

// TestSoak strikes labs. The short form has both of the topologies that people
// run, at the same time.
func TestSoak(t *testing.T) {
	if *soak > 0 {
		long(t)
		return
	}
	for i, s := range scenes[:2] {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			r := newReport()
			tr := &trial{topology: s.topology, seed: max(*seed, 1) + uint64(i), rounds: 1, maxPause: 200 * time.Millisecond}
			try(t, s.name, tr, r)
			t.Logf("\n%s%s", r.table(), r.verdict(tr.seed))
		})
	}
}

// long goes over the topologies in turn until the time is over.
func long(t *testing.T) {
	first := *seed
	if first == 0 {
		first = rand.Uint64N(1_000_000)
	}
	album, err := openAlbum(*photos)
	if err != nil {
		t.Fatal(err)
	}
	r := newReport()
	t.Logf("the seed is %d", first)
	turn := min(maxTurn, *soak/time.Duration(len(scenes)))
	for begun, n := time.Now(), 0; time.Since(begun) < *soak; n++ {
		s := scenes[n%len(scenes)]
		try(t, s.name, &trial{topology: s.topology, seed: first + uint64(n), time: turn, maxPause: 2 * lease, album: album}, r)
		t.Logf("%v over\n%s%s", time.Since(begun).Round(time.Second), r.table(), r.verdict(first))
	}
}

// try makes a trial in a folder that stays if something is wrong.
func try(t *testing.T, name string, tr *trial, r *report) {
	t.Helper()
	dir, err := os.MkdirTemp("", "minilab-kills-")
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.run(context.Background(), dir, tr.blows); err != nil {
		tr.blame("%v", err)
	}
	r.add(name, tr)
	for _, bad := range tr.bad {
		t.Errorf("%s, seed %d: %s", name, tr.seed, bad)
	}
	if len(tr.bad) == 0 {
		os.RemoveAll(dir)
	} else {
		t.Logf("the data and the log are in %s", dir)
	}
}
