package main

import (
	"os"

	"github.com/spf13/cobra"

	"minilab/internal/app"
	"minilab/internal/config"
	"minilab/internal/telemetry"
)

func backup() *cobra.Command {
	return &cobra.Command{
		Use:   "backup DIR",
		Short: "Copy the data folder to DIR while the lab runs; again: copy what is new",
		Long: `Copy the data folder (--data) to DIR while the lab runs.

The copy is of one moment: every task, and every image that a task needs. Run it
again on the same DIR to copy only what is new. DIR holds one backup, the last
complete one: it stays whole if the next is interrupted, and one of other data is
refused. When images are damaged, they are named, everything else is copied, and
the exit status is 1.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, opt, err := backupOptions(c)
			if err != nil {
				return err
			}
			return app.Backup(c.Context(), cfg, args[0], opt)
		},
	}
}

func restore() *cobra.Command {
	c := &cobra.Command{
		Use:   "restore DIR",
		Short: "Make a data folder of the backup in DIR",
		Long: `Make a data folder (--data), which must be empty or not be there, of the backup
in DIR. Every digest is checked. Work that was under way waits again, and workers
that still have it cannot publish it any more.`,
		Args: cobra.ExactArgs(1),
	}
	partial := c.Flags().Bool("partial", false, "restore the rest when images are missing or damaged in the backup")
	c.RunE = func(c *cobra.Command, args []string) error {
		cfg, opt, err := backupOptions(c)
		if err != nil {
			return err
		}
		return app.Restore(c.Context(), cfg, args[0], *partial, opt)
	}
	return c
}

func backupOptions(c *cobra.Command) (config.Config, app.BackupOptions, error) {
	cfg, err := config.Load(c.Flags(), os.Environ())
	if err != nil {
		return cfg, app.BackupOptions{}, err
	}
	log, err := telemetry.NewLogger(c.ErrOrStderr(), cfg.LogFormat)
	return cfg, app.BackupOptions{Version: version, Out: c.OutOrStdout(), Log: log}, err
}
