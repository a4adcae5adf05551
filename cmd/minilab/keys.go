package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"minilab/internal/app"
	"minilab/internal/auth"
	"minilab/internal/config"
	"minilab/internal/dirlock"
	"minilab/internal/kv"
)

func keys() *cobra.Command {
	c := &cobra.Command{
		Use:   "keys",
		Short: "Create, list and revoke the lab's API keys",
		Long: `Create, list and revoke the lab's API keys.

As soon as there is one, the frontend asks every caller for a key, and listens on
other addresses than this machine's too, if it is told to with --listen.

A lab that runs is asked by its frontend (--server URL, or MINILAB_SERVER; with a
key of the scope admin in MINILAB_KEY once there are keys) or by its key-value store
(--kv URL). Without either, the data folder (--data) of a lab that does not run is
opened.`,
	}
	addCallFlags(c.PersistentFlags(), "URL of a frontend; also MINILAB_SERVER")
	c.AddCommand(keyCreate(), keyList(), keyRevoke(), keyRotateSigning())
	return c
}

// ring is where keys are created, listed and revoked: a frontend, or auth.Ring.
type ring interface {
	Create(ctx context.Context, wish auth.Key, now time.Time) (text string, made auth.Key, err error)
	All(ctx context.Context) ([]auth.Listed, error)
	Revoke(ctx context.Context, id string) error
	RotateSigning(ctx context.Context, now time.Time, forget bool) error
}

// withRing does something with the keys of the lab that the settings name.
func withRing(c *cobra.Command, do func(ring) error) error {
	cfg, err := config.Load(c.Flags(), os.Environ())
	if err != nil {
		return err
	}
	toFolder := c.Flags().Changed("data") && !c.Flags().Changed(flagServer)
	switch {
	case asksFrontend(c) && !toFolder:
		lab, err := labFor(c)
		if err != nil {
			return err
		}
		return do(apiRing{lab})
	case len(cfg.KV) > 0:
		store, err := kvOf(cfg)
		if err != nil {
			return err
		}
		return do(auth.Ring{Store: store})
	}
	err = app.WithKV(c.Context(), cfg, func(store kv.Store) error { return do(auth.Ring{Store: store}) })
	if errors.Is(err, dirlock.ErrInUse) {
		return fmt.Errorf("a lab runs on %s%s: ask its frontend with --server, such as %s, or its key-value store with --kv",
			cfg.Data, dirlock.Holder(cfg.Data, "kv"), defaultServer())
	}
	return err
}

func keyCreate() *cobra.Command {
	c := &cobra.Command{
		Use:   "create --owner NAME --scope SCOPE,…",
		Short: "Create a key and print it, this once",
		Long: `Create a key and print it, this once: only a hash of it is kept.

The scopes are submit (hand images in; cancel, retry and delete tasks), read (ask for
tasks, events and results) and admin (keys, webhooks, presets, workers). None holds
another. Tasks belong to the owner of the key that they were made with, and nobody
else sees them; what was made before there were keys belongs to "public".`,
		Args: cobra.NoArgs,
	}
	owner := c.Flags().String("owner", "", "whose tasks are made with the key, and seen with it: 1 to 64 of a-z, 0-9, '.', '_' and '-'")
	scopes := c.Flags().StringSlice("scope", nil, "what the key is good for: submit, read, admin")
	expires := c.Flags().String("expires", "", "after how long, such as 720h or 30d, or when, such as 2027-01-31T00:00:00Z; default: never")
	note := c.Flags().String("note", "", "what the key is for, for people")
	_, _ = c.MarkFlagRequired("owner"), c.MarkFlagRequired("scope") // they are there
	c.RunE = func(c *cobra.Command, _ []string) error {
		wish := auth.Key{Owner: *owner, Note: *note}
		for _, s := range *scopes {
			wish.Scopes = append(wish.Scopes, auth.Scope(s))
		}
		now := time.Now()
		var err error
		if wish.ExpiresAt, err = auth.ExpiryOf(*expires, now); err != nil {
			return usage(err)
		}
		return withRing(c, func(r ring) error {
			text, made, err := r.Create(c.Context(), wish, now)
			if err != nil {
				return err
			}
			return printCreated(c, text, made)
		})
	}
	return c
}

// printCreated writes nothing but the key to standard output.
func printCreated(c *cobra.Command, text string, made auth.Key) error {
	if asJSON(c) {
		return printJSON(c.OutOrStdout(), keyView{Key: text, keyFields: fieldsOf(made)})
	}
	fmt.Fprintln(c.OutOrStdout(), text)
	fmt.Fprintf(c.ErrOrStderr(), "This is the key %s of %s, shown this once. It is sent as \"Authorization: Bearer KEY\".\n", made.ID, made.Owner)
	return nil
}

func keyList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the keys of all owners, and when they were used last",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return withRing(c, func(r ring) error {
				all, err := r.All(c.Context())
				if err != nil {
					return err
				}
				if asJSON(c) {
					return printJSON(c.OutOrStdout(), viewsOf(all))
				}
				return printKeys(c.OutOrStdout(), all, time.Now())
			})
		},
	}
}

func printKeys(out io.Writer, all []auth.Listed, now time.Time) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tOWNER\tSCOPES\tCREATED\tEXPIRES\tLAST USED\tNOTE")
	for _, k := range all {
		scopes := make([]string, len(k.Scopes))
		for i, s := range k.Scopes {
			scopes[i] = string(s)
		}
		expires := when(k.ExpiresAt)
		if k.Expired(now) {
			expires += " (over)"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			k.ID, cmp.Or(k.Owner, "(unreadable)"), strings.Join(scopes, ","), when(k.CreatedAt), expires, when(k.UsedAt), k.Note)
	}
	return w.Flush()
}

// when is a time on one line.
func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format("2006-01-02 15:04")
}

func keyRevoke() *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID…",
		Short: "Take keys back: every frontend refuses them within a second",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, ids []string) error {
			return withRing(c, func(r ring) error {
				for _, id := range ids {
					if err := r.Revoke(c.Context(), id); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

func asJSON(c *cobra.Command) bool {
	yes, err := c.Flags().GetBool("json")
	return err == nil && yes
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
