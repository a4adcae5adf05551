package preset_test

import (
	"errors"
	"strings"
	"testing"

	"minilab/internal/pipeline"
	"minilab/internal/preset"
)

func TestFormsOfAPreset(t *testing.T) {
	for value, want := range map[string]struct{ summary, pipeline, outputs, written string }{
		"swap:bgr/webp:70\n":  {"", "swap/webp:70", "", "swap/webp:70"},
		`[{"op":"flip"}]`:     {"", "flip", "", "flip"},
		`{"pipeline":"flip"}`: {"", "flip", "", "flip"},
		`{"summary":"For the shop","pipeline":[{"op":"orient"}],"outputs":{"z":"flip","a":[{"op":"webp"}]}}`: {"For the shop", "orient", "z=flip|a=webp",
			`{"summary":"For the shop","pipeline":"orient","outputs":[{"name":"z","pipeline":"flip"},{"name":"a","pipeline":"webp"}]}`},
		`{"outputs":"z=flip|a=webp","pipeline":null}`: {"", "", "z=flip|a=webp", `{"outputs":[{"name":"z","pipeline":"flip"},{"name":"a","pipeline":"webp"}]}`},
		"own-operation:x/webp":                        {"", "own-operation:x/webp", "", "own-operation:x/webp"},
		` {"summary":"x","pipeline":"flip"} `:         {"x", "flip", "", `{"summary":"x","pipeline":"flip"}`},
	} {
		p, err := preset.Parse([]byte(value))
		if err != nil || p.Summary != want.summary || p.Pipeline.String() != want.pipeline || pipeline.OutputsText(p.Outputs) != want.outputs {
			t.Errorf("%s is %+v, %v", value, p, err)
			continue
		}
		if got := string(p.Value()); got != want.written {
			t.Errorf("%s is written %s, want %s", value, got, want.written)
		}
		if again, err := preset.Parse(p.Value()); err != nil || string(again.Value()) != want.written {
			t.Errorf("%s reads back as %+v, %v", p.Value(), again, err)
		}
	}
}

func TestInvalidPresetsSayWhereAndWhy(t *testing.T) {
	for value, want := range map[string]string{
		"":                           "at character 1",
		"swap/webp:0":                `at character 11: webp: quality is "0"`,
		"webp/swap":                  "at character 6: swap comes after webp",
		"Swap":                       `at character 1: unknown operation "Swap", did you mean "swap"?`,
		`{"pipeline":"swap/webp:0"}`: "at character 11: webp: quality",
		`{"pipeline":[{"op":"webp","quality":0}]}`:   "at operation 1: parameter quality",
		`{"outputs":{"a":"webp","b":"flip/webp:0"}}`: `output "b": at character 11: webp: quality`,
		`{"outputs":{"A":"webp"}}`:                   `output 1: "A" is no name`,
		`{"pipeline":"webp","outputs":{"a":"flip"}}`: `output "a": at operation 2: flip comes after webp`,
		`{"outputs":{"a":""}}`:                       `output "a": at operation 1: a pipeline has at least one operation`,
		`{}`:                                         "a preset has a pipeline or outputs",
		`{"summary":"x"}`:                            "a preset has a pipeline or outputs",
		`{"pipelin":"swap"}`:                         `unknown field "pipelin"`,
		`{"pipeline":"swap"} x`:                      "something behind the object",
		`{"pipeline":"swap"`:                         "expected a pipeline, or an object",
		`{"pipeline":5}`:                             "unknown operation",
		`{"pipeline":"swap","summary":"a\u0000b"}`:   "a summary has at most 200 bytes",
		`{"pipeline":"swap","summary":"` + strings.Repeat("x", 201) + `"}`: "a summary has at most 200 bytes",
		strings.Repeat("x", preset.MaxValue+1):                             "a preset has at most 65536 bytes",
	} {
		p, err := preset.Parse([]byte(value))
		if !errors.Is(err, preset.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80s: %+v, %v, want %q", value, p, err, want)
		}
	}
}

func TestNames(t *testing.T) {
	for text, want := range map[string]preset.Name{
		"thumb": {Base: "thumb"}, "thumb@1": {"thumb", 1}, "a.b-c_d@999999999": {"a.b-c_d", 999999999}, "0": {Base: "0"},
		strings.Repeat("a", 64): {Base: strings.Repeat("a", 64)},
	} {
		n, err := preset.ParseName(text)
		if err != nil || n != want || n.String() != text {
			t.Errorf("%q is %+v, %v", text, n, err)
		}
		if preset.IsVersion("presets/"+text) != (n.Version > 0) || preset.IsVersion(text) {
			t.Errorf("%q: a version is what is none, or the other way round", text)
		}
	}
	for _, text := range []string{"", "@1", "A", "a/b", "a b", "ä", "..", ".a", "-a", "_a", "a@", "a@0", "a@01", "a@+1", "a@-1", "a@1@2", "a@x", "a@1000000000", "a\x00", strings.Repeat("a", 65)} {
		if n, err := preset.ParseName(text); !errors.Is(err, preset.ErrInvalid) || preset.IsVersion("presets/"+text) {
			t.Errorf("%q is %+v, %v", text, n, err)
		}
	}
}

func TestWhichOneANameMeans(t *testing.T) {
	all := map[string]string{"live": "l", "live@3": "l3", "only@2": "o2", "only@10": "o10", "only@9": "o9", "only-more@99": "other", "only@011": "no name"}
	for text, want := range map[string]string{"live": "live", "live@3": "live@3", "only": "only@10", "only@2": "only@2", "live@4": "", "none": "", "only@011": "", "only-more": "only-more@99"} {
		n, err := preset.ParseName(text)
		if err != nil {
			if want != "" {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		name, value, ok := preset.Find(all, n)
		if ok != (want != "") || ok && (name.String() != want || value != all[want]) {
			t.Errorf("%s means %s, %q, %v; want %s", text, name, value, ok, want)
		}
	}
}

// TestTheLongestPresets read back too: as JSON they are longer than the text
// that was taken.
func TestTheLongestPresets(t *testing.T) {
	angles := "text:" + strings.Repeat("<", 2000)
	p, err := preset.Parse([]byte(`{"summary":"` + strings.Repeat("<", preset.MaxSummary) + `","pipeline":"` + angles + "/" + angles + `","outputs":"a=` + angles + "|b=" + angles + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	again, err := preset.Parse(p.Value())
	if err != nil || string(again.Value()) != string(p.Value()) {
		t.Errorf("%d bytes read back as %d bytes, %v", len(p.Value()), len(again.Value()), err)
	}
}

// FuzzParse: what is accepted is written so that it reads back as it was.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"swap/webp", `{"summary":"x","pipeline":"flip","outputs":{"a":"webp"}}`, `{"outputs":"a=flip"}`, "[", "{", `{"pipeline":[]}`, `{"outputs":[{"name":"a","pipeline":"flip"}]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		p, err := preset.Parse(value)
		if err != nil {
			if !errors.Is(err, preset.ErrInvalid) {
				t.Errorf("%q: %v", value, err)
			}
			return
		}
		written := p.Value()
		again, err := preset.Parse(written)
		if err != nil || string(again.Value()) != string(written) || again.Summary != p.Summary {
			t.Errorf("%q is written %q and reads back as %+v, %v", value, written, again, err)
		}
	})
}
