package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"
)

func keyRotateSigning() *cobra.Command {
	c := &cobra.Command{
		Use:   "rotate-signing",
		Short: "Sign links with a new key from now on",
		Long: `Sign links with a new key from now on. Links that were made before stay good until
they expire. Every 30 days this is done by itself; links live 30 days at most.

With --forget the old keys are thrown away, and with them every link that there is.`,
		Args: cobra.NoArgs,
	}
	forget := c.Flags().Bool("forget", false, "all links that were made so far are good for nothing")
	c.RunE = func(c *cobra.Command, _ []string) error {
		return withRing(c, func(r ring) error { return r.RotateSigning(c.Context(), time.Now(), *forget) })
	}
	return c
}

// RotateSigning implements ring.
func (a apiRing) RotateSigning(ctx context.Context, _ time.Time, forget bool) error {
	return a.RotateLinks(ctx, forget)
}
