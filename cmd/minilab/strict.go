package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// strict has c and all commands below it end with exitUsage where the command
// line is wrong: an argument too many, a flag too few, no such command.
func strict(c *cobra.Command) {
	for _, sub := range c.Commands() {
		strict(sub)
	}
	if !c.Runnable() { // it has only commands below it
		c.Args = oneOfItsCommands
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	if c.Args != nil {
		c.Args = usageArgs(c.Args)
	}
}

// hasRequiredFlags is what cobra judges too, later and as an error like any other.
func hasRequiredFlags(c *cobra.Command, _ []string) error { return usage(c.ValidateRequiredFlags()) }

// oneOfItsCommands refuses the name of a command that is none.
func oneOfItsCommands(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = ", did you mean " + strings.Join(near, " or ") + "?"
	}
	return fmt.Errorf("unknown command %q for %q%s", args[0], c.CommandPath(), hint)
}
