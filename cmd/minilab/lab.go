package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"minilab/client"
	"minilab/internal/config"
)

// Exit codes of the commands that call a frontend.
const (
	exitError = 1 // nothing more was done
	exitUsage = 2 // the command line is wrong
	exitSome  = 3 // some of the images or tasks failed, the others did not
)

// codedError ends the process with that code.
type codedError struct {
	code int
	err  error
}

// Error implements error.
func (e *codedError) Error() string { return e.err.Error() }

// Unwrap is what errors.Is and errors.As look at.
func (e *codedError) Unwrap() error { return e.err }

// exitCode is what the process ends with after err.
func exitCode(err error) int {
	if e := (*codedError)(nil); errors.As(err, &e) {
		return e.code
	}
	return exitError
}

func usage(err error) error {
	if err == nil {
		return nil
	}
	return &codedError{exitUsage, err}
}

func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error { return usage(check(c, args)) }
}

// flagServer and the like are flags of all commands that call a frontend.
const (
	flagServer   = "server"
	flagKey      = "key"
	flagPatience = "patience"
)

func addCallFlags(fs *pflag.FlagSet, server string) {
	fs.String(flagServer, "", server)
	fs.String(flagKey, "", "API key; better in MINILAB_KEY, where other users of this machine do not see it")
	fs.Duration(flagPatience, 2*time.Minute, "how long to keep trying while the lab is away or busy")
	fs.Bool("json", false, "print JSON, an object per line")
}

// calls makes c a command that calls a frontend.
func calls(c *cobra.Command) *cobra.Command {
	addCallFlags(c.Flags(), "URL of a frontend; also MINILAB_SERVER; default "+defaultServer())
	template, _, _ := strings.Cut(c.UsageTemplate(), "{{if .HasAvailableInheritedFlags}}")
	c.SetUsageTemplate(template + "\n") // the settings of services mean nothing here
	return c
}

func defaultServer() string { return "http://" + config.DefaultListen["frontend"] }

// labFor is the lab whose frontend the command line or the environment names.
func labFor(c *cobra.Command) (*client.Client, error) {
	text := func(flag, variable string) string {
		value, _ := c.Flags().GetString(flag) // they all have it
		return cmp.Or(value, os.Getenv(config.EnvPrefix+variable))
	}
	patience, _ := c.Flags().GetDuration(flagPatience)
	lab, err := client.New(cmp.Or(text(flagServer, "SERVER"), defaultServer()),
		client.WithKey(text(flagKey, "KEY")), client.WithPatience(patience),
		client.WithWaiting((&waiting{out: c.ErrOrStderr()}).tell))
	return lab, usage(err)
}

// asksFrontend says whether the command line, or else the environment, has it
// ask a frontend, for commands that may ask another service too.
func asksFrontend(c *cobra.Command) bool {
	if c.Flags().Changed(flagServer) {
		return true
	}
	return os.Getenv(config.EnvPrefix+"SERVER") != "" && !c.Flags().Changed("kv") && os.Getenv(config.EnvPrefix+"KV") == ""
}

// printLine writes an object on one line.
func printLine(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }

// shown is a name without what a terminal would take for orders.
func shown(name string) string {
	if quoted := strconv.Quote(name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// days reads a duration such as 36h or 7d.
func days(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if count, ok := strings.CutSuffix(text, "d"); ok {
		var n int
		n, err = strconv.Atoi(count)
		d = time.Duration(min(n, 36500)) * 24 * time.Hour
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("a duration is such as 36h or 7d, got %q", text)
	}
	return d, nil
}
