// Command minilab-engine is the process that touches pixels. A worker starts
// it with one end of a socket at descriptor 3 and gives it one image at a time;
// see package wire for what they say. Before the first image it shuts itself
// in: no files, no network, no programs. It ends when its socket closes.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"minilab/internal/develop"
	"minilab/internal/engine/wire"
	"minilab/internal/vips"
	"minilab/internal/walls"
)

// version is set by the linker.
var version = "dev"

type options struct {
	limits walls.Limits
	unsafe bool
}

func main() {
	var o options
	flag.Int64Var(&o.limits.AddressSpace, "memory", 4<<30, "bytes of address space that images may take")
	flag.Int64Var(&o.limits.FileSize, "output", 1<<30, "largest result in bytes")
	flag.DurationVar(&o.limits.CPU, "cpu", time.Hour, "processor time of the whole process")
	flag.BoolVar(&o.unsafe, "unsafe", false, "run without the walls that this kernel has not; images can then do more than they should")
	showVersion := flag.Bool("version", false, "print the versions and exit")
	flag.Parse()
	if *showVersion {
		fmt.Printf("minilab-engine %s, libvips %s\n", version, vips.Version())
		return
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "minilab-engine:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	// The worker decides when this process ends, not the terminal; and a write
	// over the limit is an error, not the end.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGXFSZ)
	runtime.LockOSThread() // the library keeps caches for every thread
	s, err := openSocket()
	if err != nil {
		return err
	}
	formats, err := develop.WarmUp()
	if err != nil {
		return err
	}
	up, err := raiseWalls(o)
	if err != nil {
		return err
	}
	hello := wire.Hello{Protocol: wire.Version, Version: version, Library: vips.Version(), Formats: formats, Walls: up}
	if err := s.send(hello); err != nil {
		return err
	}
	return serve(s)
}

// raiseWalls puts up all walls that there are; without one of them the engine
// goes on only if it is told to.
func raiseWalls(o options) ([]string, error) {
	o.limits.Files = 64 // the runtime's own, and those of the largest job
	up, err := walls.Raise(o.limits)
	if err == nil {
		return up, nil
	}
	if !o.unsafe {
		return nil, fmt.Errorf("%s; without it, images are altered only where --engine-unsafe is given", oneLine(err))
	}
	fmt.Fprintln(os.Stderr, "minilab-engine: unsafe:", oneLine(err))
	return up, nil
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
