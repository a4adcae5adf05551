package master

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/kv/kvview"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
	"minilab/internal/preset"
)

// maxPresets is how many presets are believed.
const maxPresets = 10_000

// listTime is how long asking the store for a preset's versions may take.
const listTime = 2 * time.Second

// Presets is what is known of the presets, as they were written. It follows the
// key-value store and keeps what it knows while that is away. The nil Presets
// has none.
type Presets struct {
	store kv.Store
	view  *kvview.View[string]
}

// NewPresets makes presets that know nothing yet; Follow has them learn.
func NewPresets(store kv.Store) *Presets {
	return &Presets{store: store, view: kvview.New(preset.Prefix, maxPresets, valueOf)}
}

func valueOf(_ string, e kv.Entry) (string, error) {
	if len(e.Value) > preset.MaxValue {
		return "", fmt.Errorf("a preset of %d bytes", len(e.Value))
	}
	return string(e.Value), nil
}

// Follow keeps the presets up to date until ctx ends.
func (p *Presets) Follow(ctx context.Context, log *slog.Logger) { p.view.Follow(ctx, p.store, log) }

// Synced is closed once the presets have been read for the first time.
func (p *Presets) Synced() <-chan struct{} { return p.view.Synced() }

// find gives the value of the preset that a name means, and its own name. One
// that is not known is looked up in the store: it may have been written just now.
func (p *Presets) find(ctx context.Context, text string) (preset.Name, string, error) {
	asked, err := preset.ParseName(text)
	if err != nil || p == nil {
		return asked, "", lab.ErrPreset.Detailf("there is no preset %.80q", text)
	}
	if name, value, ok := preset.Find(p.view.Snapshot().Values, asked); ok {
		return name, value, nil
	}
	fresh, err := p.fresh(ctx, asked)
	if err != nil {
		return asked, "", err
	}
	name, value, ok := preset.Find(fresh, asked)
	if !ok {
		return asked, "", lab.ErrPreset.Detailf("there is no preset %q", text)
	}
	return name, value, nil
}

// fresh is what the store has under a name, and its versions where that may
// mean one of them.
func (p *Presets) fresh(ctx context.Context, n preset.Name) (map[string]string, error) {
	values := map[string]string{}
	value, ok, err := p.view.Read(ctx, p.store, n.String())
	if err != nil {
		return nil, err
	}
	if ok {
		values[n.String()] = value
	}
	if !ok && n.Version == 0 {
		p.versions(ctx, n.Base, values)
	}
	return values, nil
}

// versions adds those that the store has. A store that is away has none: what
// was known of it has none either.
func (p *Presets) versions(ctx context.Context, base string, values map[string]string) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	for cursor, first := "", true; first || cursor != ""; first = false {
		page, err := p.store.List(ctx, preset.Prefix+base+"@", cursor, 0)
		if err != nil || page.Next != "" && page.Next == cursor {
			return
		}
		for _, e := range page.Entries {
			if value, err := valueOf(e.Key, e); err == nil {
				values[strings.TrimPrefix(e.Key, preset.Prefix)] = value
			}
		}
		cursor = page.Next
	}
}

// withPreset is the submission with its preset's pipeline and outputs in its
// place, and the preset's own name, empty when it has none.
func (m *Master) withPreset(ctx context.Context, s lab.Submission) (lab.Submission, string, error) {
	if s.Preset == "" {
		return s, "", nil
	}
	name, value, err := m.Presets.find(ctx, s.Preset)
	if err != nil {
		return s, "", err
	}
	p, err := preset.Parse([]byte(value))
	if err == nil {
		s.Preset, s.Pipeline, s.Outputs = "", p.Pipeline, p.Outputs
		err = s.Check(m.Limits)
	}
	return s, name.String(), unusable(name.String(), err)
}

// unusable says of which preset a fault of its pipelines is.
func unusable(name string, err error) error {
	if name == "" || !errors.Is(err, pipeline.ErrInvalid) && !errors.Is(err, preset.ErrInvalid) {
		return err
	}
	return preset.ErrInvalid.Detailf("the preset %q cannot be used: %s", name, fault.From(err).Detail)
}
