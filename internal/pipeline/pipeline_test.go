package pipeline_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"minilab/internal/pipeline"
)

func TestFormsAreTheSameThing(t *testing.T) {
	for _, c := range []struct{ text, canonical, json string }{
		{"swap", "swap", `[{"op":"swap"}]`},
		{"swap:bgr", "swap", `[{"op":"swap"}]`},
		{"swap:grb", "swap:grb", `[{"op":"swap","order":"grb"}]`},
		{"swap/swap:rgb", "swap/swap:rgb", `[{"op":"swap"},{"op":"swap","order":"rgb"}]`},
	} {
		p, err := pipeline.Parse(c.text)
		if err != nil {
			t.Errorf("Parse(%q): %v", c.text, err)
			continue
		}
		if p.String() != c.canonical {
			t.Errorf("Parse(%q) is %q, want %q", c.text, p, c.canonical)
		}
		data, err := json.Marshal(p)
		if err != nil || string(data) != c.json {
			t.Errorf("JSON of %q is %s, %v, want %s", c.text, data, err, c.json)
		}
		for _, form := range []string{c.json, `"` + c.canonical + `"`} {
			var back pipeline.Pipeline
			if err := json.Unmarshal([]byte(form), &back); err != nil || back.String() != c.canonical {
				t.Errorf("%s reads as %q, %v", form, back, err)
			}
		}
		if again, err := pipeline.Parse(c.json); err != nil || again.String() != c.canonical {
			t.Errorf("Parse(%s) is %q, %v", c.json, again, err)
		}
	}
}

func TestInvalidPipelinesSayWhereAndWhy(t *testing.T) {
	for text, want := range map[string]string{
		"":                                      "at character 1: unknown operation",
		"blur":                                  "expected one of: swap",
		"swap/blur":                             "at character 6",
		"swap:xyz":                              "a permutation of r, g and b",
		"swap:rrg":                              "a permutation of r, g and b",
		"swap:":                                 "a permutation of r, g and b",
		"swap:bgr:1":                            "at most 1 parameters",
		"swap/":                                 "at character 6",
		"[]":                                    "at least one operation",
		`[{"op":"swap","size":1}]`:              `no parameter "size"`,
		`[{"order":"bgr"}]`:                     `"op" is missing`,
		`[{"op":"swap","order":5}]`:             `order is "5"`,
		"[{":                                    "expected a list of operations",
		strings.Repeat("swap/", 64) + "swap":    "at most 64 operations",
		strings.Repeat("a", pipeline.MaxText):   "unknown operation",
		strings.Repeat("a", pipeline.MaxText+1): "at most 8192 bytes",
	} {
		p, err := pipeline.Parse(text)
		if !errors.Is(err, pipeline.ErrInvalid) || len(p) > 0 || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%.40q) = %q, %v; want an error with %q", text, p, err, want)
		}
	}
}

// FuzzParse: the canonical text and the JSON of whatever is accepted are within
// the limits, mean the same and lead back to it.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"swap", "swap:grb/swap", `[{"op":"swap","order":"rbg"}]`, "swap:", "[", "/", `[{"order":"bgr","op":"swap"},{"op":"swap"}]`, strings.Repeat("swap/", 63) + "swap"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := pipeline.Parse(text)
		if err != nil {
			if !errors.Is(err, pipeline.ErrInvalid) || len(p) > 0 {
				t.Errorf("%q gives %q beside %v", text, p, err)
			}
			return
		}
		data, err := json.Marshal(p)
		if err != nil || len(p.String()) > len(text)+len("swap")*len(p) || len(p) > pipeline.MaxSteps {
			t.Fatalf("%q has the canonical text %q and no JSON: %v", text, p, err)
		}
		quoted, _ := json.Marshal(text)
		for _, same := range []string{p.String(), string(data)} {
			again, err := pipeline.Parse(same)
			if err != nil || again.String() != p.String() {
				t.Errorf("%q is %q, and %q is %q, %v", text, p, same, again, err)
			}
		}
		var q pipeline.Pipeline
		if err := json.Unmarshal(quoted, &q); utf8.ValidString(text) && len(quoted) <= pipeline.MaxText && (err != nil || q.String() != p.String()) {
			t.Errorf("%q as a JSON string is %q, %v", text, q, err)
		}
	})
}
