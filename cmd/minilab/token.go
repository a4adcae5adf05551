package main

import (
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"minilab/internal/auth/mesh"
	"minilab/internal/config"
)

func secret() *cobra.Command {
	return &cobra.Command{
		Use:   "secret [FILE]",
		Short: "Make a secret for a lab: print it, or write it to a new file",
		Long: `Make a secret for a lab: print it, or write it to a new file that only its owner can read.

All processes of the lab are given the file with --secret-file. Calls between its
services are then signed, and services refuse those that are not.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				return mesh.Create(args[0])
			}
			fmt.Fprintln(c.OutOrStdout(), mesh.NewSecret())
			return nil
		},
	}
}

func token() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "Print a token for who is no service of the lab: a worker, an operator, Prometheus",
		Long: `Print a token for who is no service of the lab, signed with its secret (--secret-file).

It is sent as "Authorization: Bearer TOKEN". It cannot be taken back before its end
but by another secret for the lab.`,
	}
	shorts := map[mesh.Role]string{
		mesh.Worker:   "Print a token for a worker of one's own: the calls of docs/worker-protocol.md",
		mesh.Operator: "Print a token for calls by hand: whatever a service may",
		mesh.Metrics:  "Print a token for reading /metrics of every service",
	}
	for _, role := range mesh.Roles {
		c.AddCommand(tokenFor(role, shorts[role]))
	}
	return c
}

func tokenFor(role mesh.Role, short string) *cobra.Command {
	c := &cobra.Command{Use: string(role), Short: short, Args: cobra.NoArgs}
	ttl := c.Flags().String("ttl", "1h", "how long it is good for, such as 36h or 30d")
	c.RunE = func(c *cobra.Command, _ []string) error {
		life, err := days(*ttl)
		if err != nil {
			return usage(err)
		}
		m, err := memberOf(c)
		if err != nil {
			return err
		}
		text, err := m.Token(role, life)
		if err == nil {
			fmt.Fprintln(c.OutOrStdout(), text)
		}
		return err
	}
	return c
}

// memberOf makes a member of the lab whose secret --secret-file names.
func memberOf(c *cobra.Command) (*mesh.Member, error) {
	cfg, err := config.Load(c.Flags(), os.Environ())
	if err != nil {
		return nil, err
	}
	return join(cfg)
}

// join makes this command a member of the lab; what is refused is its error.
func join(cfg config.Config) (*mesh.Member, error) {
	return mesh.Join(cfg.SecretFile, "command", slog.New(slog.DiscardHandler))
}
