// Command engine measures what altering a photograph costs in an engine process:
// processor time, wall time and memory, beside bare loops of the same libraries
// and beside the vips commands of the distribution. All of them take turns on
// the same photograph, so that a busy machine slows them alike; what counts are
// the ratios.
//
//	go run ./bench/engine [-photos DIR] [-time 20s] [-only 'swap|fit']
//
// It is run at the root of the checkout, uses bin/minilab-engine, and compiles
// the bare loops (in bare) against the same libraries.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"time"
)

type options struct {
	photos  string
	library string // npm or system, see scripts/engine.mk
	budget  time.Duration
	only    *regexp.Regexp
	dir     string // of temporary files
}

func main() {
	var o options
	flag.StringVar(&o.photos, "photos", "", "folder with JPEGs; default: some of 12 to 24 megapixels that are made here")
	flag.StringVar(&o.library, "libvips", "npm", "which libvips the engine was built with: npm or system")
	flag.DurationVar(&o.budget, "time", 20*time.Second, "how long each row is measured")
	only := flag.String("only", "", "measure only rows that match this regular expression")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if o.only, err = regexp.Compile(*only); err == nil {
		err = run(ctx, o, os.Stdout)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/engine:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	if o.dir, err = os.MkdirTemp("", "bench-engine-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	photos, err := photographs(ctx, o)
	if err != nil {
		return err
	}
	var sampled []photo
	if o.photos == "" {
		if sampled, err = resampled(ctx, o.dir, photos[0]); err != nil {
			return err
		}
	}
	if err := compile(ctx, o); err != nil {
		return err
	}
	tools, missing := findTools(ctx)
	fmt.Fprintf(out, "%s, %d cores, %s, %d photographs\n\n", model(), runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly), len(photos))
	if missing != nil {
		fmt.Fprintf(out, "No vips command to compare with: %v\n\n", missing)
	}
	b := &bench{options: o, out: out, photos: photos, sampled: sampled, tools: tools}
	for _, part := range []func(context.Context) error{b.costs, b.lanes, b.pairs, b.memory} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return nil
}

// bench is one run.
type bench struct {
	options

	out     io.Writer
	photos  []photo
	sampled []photo // the same one in other samplings of chroma, for the lane
	tools   *tools  // nil: there are none
}
