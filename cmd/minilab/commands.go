package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"minilab/internal/app"
	"minilab/internal/config"
	"minilab/internal/telemetry"
)

func root() *cobra.Command {
	c := &cobra.Command{
		Use:           "minilab",
		Short:         "A photo lab that you host yourself",
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	config.AddFlags(c.PersistentFlags())
	addGroup(c, "Use a lab:", submit(), status(), get(), list(), watch(), cancel(), retry(), remove(), links(), ops(), presets())
	addGroup(c, "Run a lab:", append([]*cobra.Command{up(), serve()}, singles()...)...)
	addGroup(c, "Look after a lab:", keys(), secret(), token(), printConfig(), backup(), restore(), workerCheck())
	c.PersistentPreRunE = hasRequiredFlags
	strict(c)
	return c
}

// addGroup adds commands below a heading of the help.
func addGroup(c *cobra.Command, title string, commands ...*cobra.Command) {
	c.AddGroup(&cobra.Group{ID: title, Title: title})
	for _, sub := range commands {
		sub.GroupID = title
		c.AddCommand(sub)
	}
}

func up() *cobra.Command {
	return &cobra.Command{
		Use:   "up",
		Short: "Run the whole lab in this process",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runServices(c, config.Services, true)
		},
	}
}

func serve() *cobra.Command {
	return &cobra.Command{
		Use:   "serve SERVICE,…",
		Short: "Run some of the services: " + strings.Join(config.Services, ", "),
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			services, err := parseServices(args[0])
			if err != nil {
				return usage(err)
			}
			return runServices(c, services, false)
		},
	}
}

var shorts = map[string]string{
	"kv":       "Run the key-value store: configuration, presets, discovery",
	"storage":  "Run the storage: images before and after",
	"taskdb":   "Run the task database: what is to be done, and how far it is",
	"master":   "Run an image master: takes images in, hands work out",
	"worker":   "Run an image worker: alters images",
	"frontend": "Run a frontend: the public API and the web page",
}

func singles() (commands []*cobra.Command) {
	for _, s := range config.Services {
		commands = append(commands, single(s))
	}
	return commands
}

func single(service string) *cobra.Command {
	return &cobra.Command{
		Use:   service,
		Short: shorts[service],
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runServices(c, []string{service}, false)
		},
	}
}

func printConfig() *cobra.Command {
	return &cobra.Command{
		Use:   "config",
		Short: "Print the effective settings, secrets masked",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := config.Print(c.Flags(), os.Environ())
			if err == nil {
				fmt.Fprint(c.OutOrStdout(), text)
			}
			return err
		},
	}
}

// parseServices reads "kv,storage" into the order of dependency.
func parseServices(list string) ([]string, error) {
	asked := strings.Split(list, ",")
	for i, s := range asked {
		if !slices.Contains(config.Services, s) {
			return nil, fmt.Errorf("there is no service %q; the services are %s", s, strings.Join(config.Services, ", "))
		}
		if slices.Contains(asked[:i], s) {
			return nil, fmt.Errorf("the service %s is named twice", s)
		}
	}
	return slices.DeleteFunc(slices.Clone(config.Services), func(s string) bool { return !slices.Contains(asked, s) }), nil
}

func runServices(c *cobra.Command, services []string, quiet bool) error {
	cfg, err := config.Load(c.Flags(), os.Environ())
	if err != nil {
		return err
	}
	slacken()
	log, err := telemetry.NewLogger(c.ErrOrStderr(), cfg.LogFormat)
	if err != nil {
		return err
	}
	return app.Run(c.Context(), cfg, app.Options{
		Services: services, Quiet: quiet, Version: version, Out: c.OutOrStdout(), Log: log,
	})
}
