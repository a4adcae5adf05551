package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"minilab/internal/workercheck"
)

// errChecks is the error of a worker that did not pass; the checks were printed.
var errChecks = errors.New("the worker does not do all that it must")

func workerCheck() *cobra.Command {
	var o workercheck.Options
	var declaration, input, broken string
	c := &cobra.Command{
		Use:   "worker-check [flags] [--] CMD [ARG]…",
		Short: "Check whether a worker of one's own speaks the protocol",
		Long: `Check whether a worker of one's own speaks the protocol.

CMD is started again and again, with MINILAB_MASTER (the base URL of a master),
MINILAB_OPERATION and MINILAB_TOKEN in its environment. The lab that it finds there is a small one
on the loopback, which breaks on purpose what can break.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.Command, o.Out = args, c.OutOrStdout()
			for path, data := range map[*string]*[]byte{&declaration: &o.Declaration, &input: &o.Input, &broken: &o.Broken} {
				if err := readInto(*path, data); err != nil {
					return err
				}
			}
			ok, err := workercheck.Run(c.Context(), o)
			if err == nil && !ok {
				err = errChecks
			}
			return err
		},
	}
	f := c.Flags()
	f.SetInterspersed(false) // the flags behind CMD are its own
	f.StringVar(&o.Operation, "operation", "", "name of the custom operation that the worker does")
	f.StringVar(&declaration, "declare", "", "file with its declaration; default: one without parameters")
	f.StringVar(&o.Pipeline, "pipeline", "", "pipeline that is asked for; default: the operation alone")
	f.StringVar(&input, "input", "", "file with an image that the worker can do; default: a small PNG")
	f.StringVar(&broken, "broken", "", "file with one that it must refuse; default: a text")
	f.StringSliceVar(&o.Only, "only", nil, "names of checks to make; default: all")
	f.DurationVar(&o.Patience, "patience", workercheck.Patience, "how long to wait for what must happen")
	if err := c.MarkFlagRequired("operation"); err != nil {
		panic(err) // it is declared above
	}
	return c
}

// readInto reads a file if one is named.
func readInto(path string, data *[]byte) (err error) {
	if path != "" {
		*data, err = os.ReadFile(path)
	}
	return err
}
