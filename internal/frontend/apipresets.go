package frontend

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"minilab/internal/auth"
	"minilab/internal/lab"
	"minilab/internal/preset"
)

// Presets are those that the lab keeps; preset.Shelf has them.
type Presets interface {
	All(ctx context.Context, prefix string) (map[string]string, error)
	Find(ctx context.Context, n preset.Name) (preset.Name, string, error)
	Set(ctx context.Context, n preset.Name, value []byte) error
	Delete(ctx context.Context, n preset.Name) error
}

// Preset is a pipeline that the lab keeps by name.
type Preset struct {
	Name     string        `json:"name" doc:"NAME, or NAME@VERSION" example:"thumbnail@2"`
	Summary  string        `json:"summary,omitempty" doc:"For people"`
	Pipeline string        `json:"pipeline,omitempty" doc:"The beginning of every output" example:"orient"`
	Outputs  []NamedOutput `json:"outputs,omitempty"`
	Broken   string        `json:"broken,omitempty" doc:"Why it cannot be used"`
}

// NamedOutput is one of several results.
type NamedOutput struct {
	Name     string `json:"name"`
	Pipeline string `json:"pipeline"`
}

type presetsOut struct {
	Body struct {
		Presets []Preset `json:"presets"`
	}
}

type presetName struct {
	Name string `path:"name" maxLength:"128" doc:"NAME, or NAME@VERSION" example:"thumbnail"`
}

type presetOut struct{ Body Preset }

type presetIn struct {
	Name string `path:"name" maxLength:"128" doc:"NAME, or NAME@VERSION" example:"thumbnail"`
	Body presetBody
}

type presetBody struct {
	Summary  string          `json:"summary,omitempty" maxLength:"200"`
	Pipeline json.RawMessage `json:"pipeline,omitempty" doc:"Text or a list of operations"`
	Outputs  json.RawMessage `json:"outputs,omitempty" doc:"An object of text or lists of operations"`
}

func (a *api) routePresets() {
	tags := []string{"Presets"}
	resource(a, operation(huma.Operation{
		OperationID: "list-presets", Method: http.MethodGet, Path: "/presets", Tags: tags, Summary: "List the presets",
	}, auth.Read), auth.Read, a.listPresets)
	resource(a, operation(huma.Operation{
		OperationID: "get-preset", Method: http.MethodGet, Path: "/presets/{name}", Tags: tags,
		Summary: "The preset that a name means: of NAME without a version the highest, unless there is one without",
	}, auth.Read, http.StatusNotFound), auth.Read, func(ctx context.Context, _ auth.Principal, in *presetName) (*presetOut, error) {
		name, err := preset.ParseName(in.Name)
		if err != nil {
			return nil, err
		}
		found, value, err := a.Presets.Find(ctx, name)
		return &presetOut{newPreset(found.String(), value)}, err
	})
	resource(a, operation(huma.Operation{
		OperationID: "put-preset", Method: http.MethodPut, Path: "/presets/{name}", Tags: tags,
		Summary: "Write a preset, in force for what is handed in from then on", Description: "One with a version can be written once.",
	}, auth.Admin, http.StatusConflict, http.StatusPreconditionFailed), auth.Admin, a.putPreset)
	resource(a, operation(huma.Operation{
		OperationID: "delete-preset", Method: http.MethodDelete, Path: "/presets/{name}", Tags: tags, DefaultStatus: http.StatusNoContent,
		Summary: "Delete the preset of that very name",
	}, auth.Admin, http.StatusNotFound), auth.Admin, func(ctx context.Context, _ auth.Principal, in *presetName) (*struct{}, error) {
		name, err := preset.ParseName(in.Name)
		if err != nil {
			return nil, err
		}
		return nil, a.Presets.Delete(ctx, name)
	})
}

func (a *api) listPresets(ctx context.Context, _ auth.Principal, _ *struct{}) (*presetsOut, error) {
	all, err := a.Presets.All(ctx, "")
	if err != nil {
		return nil, err
	}
	out := &presetsOut{}
	out.Body.Presets = []Preset{}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		out.Body.Presets = append(out.Body.Presets, newPreset(name, all[name]))
	}
	return out, nil
}

func newPreset(name, value string) Preset {
	p, err := preset.Parse([]byte(value))
	if err != nil {
		return Preset{Name: name, Broken: err.Error()}
	}
	out := Preset{Name: name, Summary: p.Summary, Pipeline: p.Pipeline.String()}
	for _, o := range p.Outputs {
		out.Outputs = append(out.Outputs, NamedOutput{o.Name, o.Pipeline.String()})
	}
	return out
}

// putPreset judges what it is given as a submission's pipelines are judged:
// what nobody can do is not kept.
func (a *api) putPreset(ctx context.Context, _ auth.Principal, in *presetIn) (*presetOut, error) {
	name, err := preset.ParseName(in.Name)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(in.Body)
	if err != nil {
		return nil, err
	}
	p, err := preset.Parse(text)
	if err != nil {
		return nil, err
	}
	if a.Resolve != nil {
		if err := a.Resolve(ctx, lab.Submission{Pipeline: p.Pipeline, Outputs: p.Outputs}); err != nil {
			return nil, err
		}
	}
	if err := a.Presets.Set(ctx, name, p.Value()); err != nil {
		return nil, err
	}
	return &presetOut{newPreset(name.String(), string(p.Value()))}, nil
}
