// Package workercheck tells whether a worker of another language speaks the
// protocol: it has a small lab of its own on the loopback, hands work to the
// worker, breaks what can break on its way, and watches every call.
//
//	ok, err := workercheck.Run(ctx, workercheck.Options{Command: []string{"./worker"}, Operation: "sketch", Out: os.Stdout})
package workercheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"minilab/internal/pipeline"
)

// leaseTime is how long the lab's leases are good: short, so that slow work is
// not slow to check.
const leaseTime = 3 * time.Second

// Patience is how long a check waits for what must happen, unless the options
// say otherwise.
const Patience = 15 * time.Second

// Options are what is checked, and with what.
type Options struct {
	Command     []string // starts the worker
	Operation   string   // the custom operation that it does
	Declaration []byte   // of the operation; empty: one without parameters
	Pipeline    string   // what is asked for; empty: the operation alone
	Input       []byte   // an image that the worker can do; empty: a PNG
	Broken      []byte   // one that it must refuse; empty: a text
	Only        []string // names of checks; empty: all
	Patience    time.Duration
	Out         io.Writer
}

// Check is one thing that a worker must do.
type Check struct {
	Name string
	What string // the rule, for people
	run  func(*trial) error
}

// errNotReached says that a check could not be made, because the worker failed
// at what another check is about.
var errNotReached = errors.New("not reached")

// Run checks the worker and prints a line for each check. ok says that it has
// passed all of them; an error is that nothing could be checked.
func Run(ctx context.Context, o Options) (ok bool, err error) {
	if o, err = o.complete(); err != nil {
		return false, err
	}
	b, err := newBench(ctx, o)
	if err != nil {
		return false, err
	}
	defer b.close()
	passed, failed := 0, 0
	for _, c := range Checks {
		if len(o.Only) > 0 && !slices.Contains(o.Only, c.Name) {
			continue
		}
		output, fault := b.try(ctx, c)
		if err := context.Cause(ctx); err != nil {
			return false, err
		}
		if fault == nil {
			passed++
			fmt.Fprintf(o.Out, "ok      %-22s %s\n", c.Name, c.What)
			continue
		}
		failed++
		verdict, text := "FAILED", strings.TrimPrefix(fault.Error(), errNotReached.Error()+": ")
		if errors.Is(fault, errNotReached) {
			verdict = "-"
		}
		fmt.Fprintf(o.Out, "%-7s %-22s %s\n        %s\n%s", verdict, c.Name, c.What, text, indented(output))
	}
	fmt.Fprintf(o.Out, "%d checks passed, %d did not.\n", passed, failed)
	return failed == 0, nil
}

// indented is the end of what a worker has printed.
func indented(output string) string {
	if output = strings.TrimSpace(output); output == "" {
		return ""
	}
	lines := strings.Split(output, "\n")
	return "        | " + strings.Join(lines[max(0, len(lines)-10):], "\n        | ") + "\n"
}

// complete fills in what was left out and refuses what cannot be checked.
func (o Options) complete() (Options, error) {
	if len(o.Command) == 0 {
		return o, errors.New("which worker? Give the command that starts it")
	}
	if len(o.Declaration) == 0 {
		o.Declaration = []byte(`{"summary": "Is checked."}`)
	}
	op, err := pipeline.Declare(o.Operation, o.Declaration)
	if err != nil {
		return o, err
	}
	if o.Pipeline == "" {
		o.Pipeline = o.Operation
	}
	open, err := pipeline.ParseOpen(o.Pipeline)
	if err != nil {
		return o, err
	}
	catalog := pipeline.NewCatalog(op)
	if _, err := catalog.Resolve(open); err != nil {
		return o, err
	}
	if needs, err := catalog.Needs(open); err != nil || needs != o.Operation {
		return o, errors.Join(err, fmt.Errorf("the pipeline %s does not have the operation %s", o.Pipeline, o.Operation))
	}
	for _, name := range o.Only {
		if !slices.ContainsFunc(Checks, func(c Check) bool { return c.Name == name }) {
			return o, fmt.Errorf("there is no check %q", name)
		}
	}
	if len(o.Input) == 0 {
		o.Input = picture()
	}
	if len(o.Broken) == 0 {
		o.Broken = []byte(strings.Repeat("This is no image. ", 100))
	}
	if o.Patience == 0 {
		o.Patience = Patience
	}
	return o, nil
}
