// Command minilab is a photo lab that you host yourself: six services that
// speak REST, in one process or in many.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the build.
var version = "dev"

func main() { os.Exit(run()) }

// run is main with an exit code: 0 after a clean stop, 1 after an error, 2 where
// the command line is wrong, 3 where a part of what was asked for has failed.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := root().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "minilab:", err)
		return exitCode(err)
	}
	return 0
}
