package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"minilab/internal/config"
	"minilab/internal/discovery"
	"minilab/internal/httpx"
	"minilab/internal/kv"
	"minilab/internal/kv/kvhttp"
	"minilab/internal/pipeline"
	"minilab/internal/preset"
)

func presets() *cobra.Command {
	c := &cobra.Command{
		Use:     "preset",
		Aliases: []string{"presets"},
		Short:   "List, show, set and delete the presets of a lab that runs",
		Long: `List, show, set and delete the presets of a lab that runs.

They are asked for at the frontend that --server URL or MINILAB_SERVER names, or at
the key-value store (--kv URL; default: ` + defaultKV() + `), which the one process of
"minilab up" serves with --expose-services.`,
	}
	addCallFlags(c.PersistentFlags(), "URL of a frontend; also MINILAB_SERVER")
	c.AddCommand(presetList(), presetShow(), presetSet(), presetDelete())
	return c
}

func defaultKV() string { return "http://" + config.DefaultListen["kv"] }

// shelf is the presets of the lab whose frontend or key-value store the command
// line names.
func shelf(c *cobra.Command) (book, error) {
	if asksFrontend(c) {
		lab, err := labFor(c)
		return apiBook{lab}, err
	}
	cfg, err := config.Load(c.Flags(), os.Environ())
	if err != nil {
		return nil, err
	}
	if len(cfg.KV) == 0 {
		cfg.KV = []string{defaultKV()}
	}
	store, err := kvOf(cfg)
	return preset.Shelf{Store: store}, err
}

// kvOf is the key-value store of the lab that the settings name.
func kvOf(cfg config.Config) (kv.Store, error) {
	member, err := join(cfg)
	if err != nil {
		return nil, err
	}
	balancer := discovery.NewBalancer(httpx.NewTransport(), func(string) []string { return cfg.KV })
	return kvhttp.NewClient(httpx.NewClient("http://kv", member.Transport(balancer))), nil
}

func presetList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the presets and what they do",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := shelf(c)
			if err != nil {
				return err
			}
			all, err := s.All(c.Context(), "")
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, name := range slices.Sorted(maps.Keys(all)) {
				if asJSON(c) {
					if err := printLine(c.OutOrStdout(), namedPreset{name, all[name]}); err != nil {
						return err
					}
					continue
				}
				fmt.Fprintf(w, "%s\t%s\n", name, outline(all[name]))
			}
			return w.Flush()
		},
	}
}

// namedPreset is a preset where programs read: its value as it is written.
type namedPreset struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// outline is a preset on one line.
func outline(value string) string {
	p, err := preset.Parse([]byte(value))
	if err != nil {
		return fmt.Sprintf("cannot be used: %v", err)
	}
	text := strings.TrimSuffix(p.Pipeline.String()+" | "+pipeline.OutputsText(p.Outputs), " | ")
	if p.Summary != "" {
		text += "  # " + p.Summary
	}
	return strings.TrimPrefix(text, " | ")
}

func presetShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME[@VERSION]",
		Short: "Print the preset that a name means, as it was written",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, name, err := shelfAndName(c, args[0])
			if err != nil {
				return err
			}
			found, value, err := s.Find(c.Context(), name)
			if err != nil {
				return err
			}
			if asJSON(c) {
				return printLine(c.OutOrStdout(), namedPreset{found.String(), value})
			}
			if found != name {
				fmt.Fprintf(c.ErrOrStderr(), "this is %s\n", found)
			}
			fmt.Fprintln(c.OutOrStdout(), strings.TrimSuffix(value, "\n"))
			return nil
		},
	}
}

func shelfAndName(c *cobra.Command, text string) (book, preset.Name, error) {
	name, err := preset.ParseName(text)
	if err != nil {
		return nil, name, err
	}
	s, err := shelf(c)
	return s, name, err
}

func presetSet() *cobra.Command {
	c := &cobra.Command{
		Use:   "set NAME[@VERSION] [PIPELINE]",
		Short: "Write a preset, in force for what is handed in from now on",
		Long: `Write a preset, in force for what is handed in from now on.

PIPELINE is text such as resize:256x256/webp, or the JSON that docs/api.md tells of.
With --new-version the next version is written, NAME@1 at first, which is never
changed; preset=NAME means the highest version unless there is a NAME without one.`,
		Args: cobra.RangeArgs(1, 2),
	}
	summary := c.Flags().String("summary", "", "one sentence for people")
	outputs := c.Flags().StringArray("output", nil, "NAME=PIPELINE, one of several results; PIPELINE of the preset is their common beginning")
	next := c.Flags().Bool("new-version", false, "write the next version of NAME")
	c.RunE = func(c *cobra.Command, args []string) error {
		s, name, err := shelfAndName(c, args[0])
		if err != nil {
			return err
		}
		value, err := presetValue(args[1:], *summary, *outputs)
		switch {
		case err != nil:
			return err
		case *next && name.Version > 0:
			return fmt.Errorf("--new-version finds the version of %s itself", name.Base)
		case *next:
			name, err = s.Add(c.Context(), name.Base, value)
		default:
			err = s.Set(c.Context(), name, value)
		}
		if err == nil {
			fmt.Fprintln(c.OutOrStdout(), name)
		}
		return err
	}
	return c
}

// presetValue is a preset of what the command line says, in its canonical form.
func presetValue(pipelines []string, summary string, outputs []string) (value []byte, err error) {
	var p preset.Preset
	if len(pipelines) > 0 {
		if p, err = preset.Parse([]byte(pipelines[0])); err != nil {
			return nil, err
		}
	}
	if len(outputs) > 0 {
		if p.Outputs, err = pipeline.ParseOutputsOpen(strings.Join(outputs, "|")); err != nil {
			return nil, err
		}
	}
	if summary != "" {
		p.Summary = summary
	}
	if len(p.Pipeline)+len(p.Outputs) == 0 {
		return nil, preset.ErrInvalid.Detailf("a preset needs a PIPELINE or an --output")
	}
	value = p.Value()
	_, err = preset.Parse(value)
	return value, err
}

func presetDelete() *cobra.Command {
	return &cobra.Command{
		Use:   "delete NAME[@VERSION]",
		Short: "Delete a preset, or one version of it",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, name, err := shelfAndName(c, args[0])
			if err != nil {
				return err
			}
			return s.Delete(c.Context(), name)
		},
	}
}
