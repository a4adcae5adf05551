package kills

import (
	"math/rand/v2"
	"strings"
	"syscall"
	"time"

	"minilab/internal/trials"
)

// lease is that of every lab here: short, so that recovery fits into a test.
const lease = 2 * time.Second

// Victims that are no process of the topology.
const (
	engineProcess = "engine" // a child of a worker
	allAtOnce     = "all"
)

// step is one blow against a lab.
type step struct {
	victim string         // a process's name or one of the above
	signal syscall.Signal // SIGKILL or SIGSTOP
	pause  time.Duration  // before the blow
	hold   time.Duration  // until it is started again or, after SIGSTOP, goes on
	atWork bool           // of an engine process: strike none that is idle
}

// long says that the victim is silent for longer than a lease.
func (s step) long() bool { return s.hold > lease }

// kind is the victim without the number of its instance.
func (s step) kind() string {
	kind, _, _ := strings.Cut(s.victim, ".")
	return kind
}

// what names the blow in words.
func (s step) what() string {
	switch {
	case s.signal == syscall.SIGKILL:
		return "killed"
	case s.long():
		return "stopped, long"
	}
	return "stopped, short"
}

// round is every victim struck by each signal once, in random order and after
// random pauses of up to maxPause. Every second stop is longer than a lease.
func round(rng *rand.Rand, topology trials.Topology, maxPause time.Duration) []step {
	victims := append([]string{engineProcess}, topology...)
	if len(topology) > 1 {
		victims = append(victims, allAtOnce)
	}
	shuffle(rng, victims)
	var steps []step
	for i, v := range victims {
		stop := lease/8 + upTo(rng, lease/2)
		if i%2 == 0 {
			stop = lease + lease/8 + upTo(rng, lease/4)
		}
		steps = append(steps,
			step{victim: v, signal: syscall.SIGKILL, pause: upTo(rng, maxPause), hold: upTo(rng, lease/4)},
			step{victim: v, signal: syscall.SIGSTOP, pause: upTo(rng, maxPause), hold: stop})
	}
	shuffle(rng, steps)
	return steps
}

// upTo is a random part of d.
func upTo(rng *rand.Rand, d time.Duration) time.Duration { return time.Duration(rng.Int64N(int64(d))) }

func shuffle[T any](rng *rand.Rand, list []T) {
	rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
}
