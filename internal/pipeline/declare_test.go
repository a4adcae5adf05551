package pipeline_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"minilab/internal/pipeline"
)

const sketch = `{"summary": "Draws it with a pencil.", "with": ["resize", "png"], "params": [
	{"name": "width", "kind": "number", "min": 0.1, "max": 20, "default": 2, "unit": "pixels", "doc": "Of the lines."},
	{"name": "paper", "kind": "colour", "default": "white"},
	{"name": "style", "kind": "choice", "choices": ["hatch", "dots"], "required": true},
	{"name": "fast", "kind": "flag", "default": false},
	{"name": "at", "kind": "numbers", "counts": [2], "min": 0, "max": 1},
	{"name": "edge", "kind": "length", "max": 100},
	{"name": "seed", "kind": "integer"},
	{"name": "title", "kind": "text", "limit": 20}]}`

func declare(t *testing.T, name, data string) pipeline.Op {
	t.Helper()
	op, err := pipeline.Declare(name, []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func TestDeclarationsAreReadStrictly(t *testing.T) {
	for _, c := range []struct{ name, data, want string }{
		{"sketch", sketch, ""},
		{"a", `{"summary":"Does."}`, ""},
		{strings.Repeat("a", 64), `{"summary":"Does.","params":null,"with":[]}`, ""},
		{"resize", sketch, "a built-in operation has this name"},
		{"jxl", sketch, "a name is 1 to 64"},
		{"image", sketch, "a name is 1 to 64"},
		{"Sketch", sketch, "a name is 1 to 64"},
		{"", sketch, "a name is 1 to 64"},
		{"a/b", sketch, "a name is 1 to 64"},
		{strings.Repeat("a", 65), sketch, "a name is 1 to 64"},
		{"a", "", "expected a JSON object"},
		{"a", "[]", "expected something else than an array"},
		{"a", "nil", "expected a JSON object with summary, params, with; what there is cannot be read from byte"},
		{"a", `{"summary":"x"`, "ends too early"},
		{"a", `{"summary":5}`, "expected something else than a number as summary"},
		{"a", `{"summary":"x","params":{}}`, "params: expected something else than an object"},
		{"a", params(`{"name":"a","kind":"number","min":"1"}`), "expected something else than a string as params.min"},
		{"a", params(`{"name":"a","kind":"flag","defaults":true}`), `params[0]: unknown field "defaults", did you mean "default"?`},
		{"a", `{"Summary":"Does."}`, `unknown field "Summary"`},
		{"a", sketch + "{}", "something behind"},
		{"a", `{"summary":"Does.","parms":[]}`, `unknown field "parms", did you mean "params"?`},
		{"a", `{"summary":"Does."` + strings.Repeat(" ", pipeline.MaxDeclaration) + `}`, "at most 16384 bytes"},
		{"a", `{}`, "summary is one sentence"},
		{"a", `{"summary":"` + strings.Repeat("x", 201) + `"}`, "summary is one sentence"},
		{"a", `{"summary":"a\nb"}`, "summary is one sentence"},
		{"a", with(`"resise"`), `with[0]: "resise" is not a built-in operation, did you mean "resize"?`},
		{"a", with(`"png","png"`), `with[1]: "png" is there twice`},
		{"a", params(`{"name":"op","kind":"flag"}`), `params[0] "op": a name is 1 to 32`},
		{"a", params(`{"name":"1","kind":"flag"}`), "a name is 1 to 32"},
		{"a", params(`{"name":"a","kind":"flag"},{"name":"a","kind":"flag"}`), `params[1]: there are two with the name "a"`},
		{"a", params(`{"name":"a","kind":"float"}`), `kind is "float", expected one of integer, number`},
		{"a", params(`{"name":"a","kind":"nunber"}`), `did you mean "number"?`},
		{"a", params(`{"name":"a"}`), `kind is ""`},
		{"a", params(`{"name":"a","kind":"flag","min":0}`), "min, max and unit are for integer, number, numbers, length"},
		{"a", params(`{"name":"a","kind":"number","min":2,"max":1}`), "min is at most max"},
		{"a", params(`{"name":"a","kind":"number","max":1e300}`), "from -2^53 to 2^53"},
		{"a", params(`{"name":"a","kind":"number","default":3,"max":2}`), `default is "3", expected a number from`},
		{"a", params(`{"name":"a","kind":"number","default":"x"}`), `default is "x"`},
		{"a", params(`{"name":"a","kind":"number","default":{}}`), "default: expected a string"},
		{"a", params(`{"name":"a","kind":"choice"}`), "choices are for the kind choice"},
		{"a", params(`{"name":"a","kind":"text","choices":["a"]}`), "choices are for the kind choice"},
		{"a", params(`{"name":"a","kind":"choice","choices":["a","a"]}`), "choices[1]"},
		{"a", params(`{"name":"a","kind":"choice","choices":[""]}`), "choices[0]"},
		{"a", params(`{"name":"a","kind":"choice","choices":["hatch"],"default":"hutch"}`), `did you mean "hatch"?`},
		{"a", params(`{"name":"a","kind":"numbers"}`), "counts are for the kind numbers"},
		{"a", params(`{"name":"a","kind":"numbers","counts":[0]}`), "counts[0] is 0"},
		{"a", params(`{"name":"a","kind":"numbers","counts":[2],"default":[1]}`), `default is "1"`},
		{"a", params(`{"name":"a","kind":"number","limit":5}`), "limit is for the kinds text and reference"},
		{"a", params(`{"name":"a","kind":"text","limit":2001}`), "limit is from 1 to 2000"},
		{"a", params(`{"name":"a","kind":"flag","required":true,"default":true}`), "what is required has no default"},
		{"a", params(`{"name":"a","kind":"flag","doc":"` + strings.Repeat("x", 501) + `"}`), "doc is one line"},
		{"a", params(strings.TrimSuffix(strings.Repeat(`{"name":"a","kind":"flag"},`, 17), ",")), "at most 16 params, got 17"},
	} {
		op, err := pipeline.Declare(c.name, []byte(c.data))
		if c.want == "" {
			if err != nil || op.Name != c.name || op.Group != pipeline.Custom {
				t.Errorf("Declare(%q, %.80s) is %+v, %v", c.name, c.data, op, err)
			}
		} else if !errors.Is(err, pipeline.ErrDeclaration) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Declare(%q, %.80s): %v; want an error with %q", c.name, c.data, err, c.want)
		}
	}
}

func with(list string) string   { return `{"summary":"Does.","with":[` + list + `]}` }
func params(list string) string { return `{"summary":"Does.","params":[` + list + `]}` }

// TestResolvedStepsAreWhole: workers see each value with its type, what was
// left out included, and what a database gives back is what was put in.
func TestResolvedStepsAreWhole(t *testing.T) {
	c := pipeline.NewCatalog(declare(t, "sketch", sketch))
	for text, want := range map[string]string{
		"sketch:style=dots":                                                    `[{"fast":false,"op":"sketch","paper":"ffffff","style":"dots","width":2}]`,
		"sketch:3:red:hatch:fast":                                              `[{"fast":true,"op":"sketch","paper":"ff0000","style":"hatch","width":3}]`,
		"sketch::red:hatch:0,0.50:fast=true":                                   `[{"at":[0,0.5],"fast":true,"op":"sketch","paper":"ff0000","style":"hatch","width":2}]`,
		"sketch:style=dots:seed=9:edge=025p":                                   `[{"edge":"25p","fast":false,"op":"sketch","paper":"ffffff","seed":9,"style":"dots","width":2}]`,
		"sketch:style=dots:edge=7:title=1%2F2<":                                `[{"edge":7,"fast":false,"op":"sketch","paper":"ffffff","style":"dots","title":"1/2\u003c","width":2}]`,
		`[{"op":"sketch","at":[1,0],"style":"dots","fast":true,"width":1.50}]`: `[{"at":[1,0],"fast":true,"op":"sketch","paper":"ffffff","style":"dots","width":1.5}]`,
		"resize:5/sketch:style=dots/png":                                       `[{"op":"resize","width":5},{"fast":false,"op":"sketch","paper":"ffffff","style":"dots","width":2},{"op":"png"}]`,
	} {
		open, err := pipeline.ParseOpen(text)
		if err != nil {
			t.Fatal(err)
		}
		p, err := c.Resolve(open)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		data, err := json.Marshal(p)
		if err != nil || string(data) != want {
			t.Errorf("%s is resolved to\n%s, %v, want\n%s", text, data, err, want)
		}
		var back pipeline.Pipeline
		if err := json.Unmarshal(data, &back); err != nil || back.String() != p.String() {
			t.Errorf("%s reads as %s, %v, want %s", data, back, err, p)
		}
		again, err := json.Marshal(back)
		if err != nil || string(again) != want {
			t.Errorf("%s comes back as %s, %v", want, again, err)
		}
		if twice, err := c.Resolve(back); err != nil || twice.String() != p.String() {
			t.Errorf("resolved again %s is %s, %v", p, twice, err)
		}
	}
}

// TestLargeNumbersStayWhatTheyAre: also those whose nine decimals no float has.
func TestLargeNumbersStayWhatTheyAre(t *testing.T) {
	c := pipeline.NewCatalog(declare(t, "a", params(`{"name":"n","kind":"integer"},{"name":"l","kind":"length"},{"name":"f","kind":"numbers","counts":[2]},{"name":"s","kind":"number","min":0.3000000001}`)))
	resolved := func(p pipeline.Pipeline, err error) string {
		if err == nil {
			p, err = c.Resolve(p)
		}
		if err != nil {
			return err.Error()
		}
		return p.String()
	}
	for text, want := range map[string]string{
		"a:14022805006":               "a:n=14022805006",
		"a:9007199254740992":          "a:n=9007199254740992",
		"a:-9007199254740992":         "a:n=-9007199254740992",
		"a:l=8999999999999999":        "a:l=8999999999999999",
		"a:f=4386676.84175084251,1e9": "a:f=4386676.841750843,1000000000",
		"a:f=-0.0000000001,1e15":      "a:f=0,1000000000000000",
		"a:s=0.300000001":             "a:s=0.300000001",
	} {
		p, err := pipeline.ParseOpen(text)
		if got := resolved(p, err); got != want {
			t.Errorf("%s is resolved to %s, want %s", text, got, want)
			continue
		}
		p, err = c.Resolve(p)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var back pipeline.Pipeline
		if err := json.Unmarshal(data, &back); err != nil || resolved(back, nil) != want {
			t.Errorf("%s comes back from %s as %s, %v", want, data, resolved(back, nil), err)
		}
	}
	for _, text := range []string{"a:9007199254740993", "a:-9007199254740993", "a:9223372036854775807", "a:l=9007199254740993", "a:s=0.3000000001", "a:s=0.3000000004"} {
		if p, err := pipeline.ParseOpen(text); !strings.Contains(resolved(p, err), "expected") {
			t.Errorf("%s is taken", text)
		}
	}
}

func TestWhatIsNotDeclaredIsRefused(t *testing.T) {
	c := pipeline.NewCatalog(declare(t, "sketch", sketch))
	for text, want := range map[string]string{
		"swap/skecth:3":                  `at character 6: unknown operation "skecth", did you mean "sketch"?`,
		"sawp":                           `at character 1: unknown operation "sawp", did you mean "swap"?`,
		"sketch":                         "at character 1: sketch: style is missing, expected one of hatch, dots",
		"sketch:30:style=dots":           `sketch: width is "30", expected a number from 0.1 to 20 pixels`,
		"sketch:style=dotz":              `did you mean "dots"?`,
		"sketch:stile=dots":              `sketch has no parameter "stile", did you mean "style"?`,
		"sketch:1:red:dots:0,0:1p:1:1:1": "takes at most 8 parameters",
		"sketch:1:width=2":               "width is given twice",
	} {
		open, err := pipeline.ParseOpen(text)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := c.Resolve(open); !errors.Is(err, pipeline.ErrInvalid) || !strings.Contains(err.Error(), want) || p != nil {
			t.Errorf("%s is resolved to %s, %v; want an error with %s", text, p, err, want)
		}
	}
	if _, err := pipeline.ParseOpen("sketch:op=swap"); !errors.Is(err, pipeline.ErrInvalid) {
		t.Errorf("a parameter that would be another operation in JSON: %v", err)
	}
}

func TestATaskNeedsOneKindOfWorker(t *testing.T) {
	c := pipeline.NewCatalog(declare(t, "sketch", sketch), declare(t, "a", `{"summary":"Does."}`))
	for _, k := range []struct {
		texts []string
		needs string
		want  string
	}{
		{[]string{"swap", "resize:5"}, "", ""},
		{[]string{"sketch"}, "sketch", ""},
		{[]string{"resize:5/sketch/sketch", "png", "resize:4/sketch"}, "sketch", ""},
		{[]string{"resize:5", "sketch"}, "sketch", ""},
		{[]string{"sketch", "a"}, "", "at operation 1: a cannot be beside sketch: a task has one custom operation"},
		{[]string{"sketch/a"}, "", "at operation 2: a cannot be beside sketch"},
		{[]string{"sketch/webp"}, "", "at operation 2: webp cannot be beside sketch, whose workers do only resize, png besides"},
		{[]string{"swap", "sketch"}, "", "at operation 1: swap cannot be beside sketch"},
		{[]string{"a/swap"}, "", "whose workers do nothing else besides"},
		{[]string{"b"}, "", `unknown operation "b"`},
	} {
		var list []pipeline.Pipeline
		for _, text := range k.texts {
			p, err := pipeline.ParseOpen(text)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, p)
		}
		needs, err := c.Needs(list...)
		if needs != k.needs || (k.want == "") != (err == nil) || err != nil && (!errors.Is(err, pipeline.ErrInvalid) || !strings.Contains(err.Error(), k.want)) {
			t.Errorf("%q needs %q, %v; want %q, %s", k.texts, needs, err, k.needs, k.want)
		}
	}
}

// TestOpenPipelinesTravelAsText: from the frontend to the master.
func TestOpenPipelinesTravelAsText(t *testing.T) {
	c := pipeline.NewCatalog(declare(t, "sketch", sketch))
	for _, text := range []string{
		`[{"op":"sketch","at":[0,1],"fast":true,"style":"dots"}]`, `[{"op":"sketch","fast":false,"style":"dots"}]`,
		"sketch:3:red:dots:fast", `[{"op":"sketch","1":"3","style":"dots","title":"fast"}]`, "sketch:style=dots:title=a%3Db%7Cc%2F",
	} {
		open, err := pipeline.ParseOpen(text)
		if err != nil {
			t.Fatal(err)
		}
		want, err := c.Resolve(open)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		there, err := pipeline.ParseOpen(open.String())
		if err != nil {
			t.Errorf("%s arrives as %s: %v", text, open, err)
			continue
		}
		if got, err := c.Resolve(there); err != nil || got.String() != want.String() {
			t.Errorf("%s arrives as %s, %v, want %s", text, got, err, want)
		}
		list, err := pipeline.ParseOutputsOpen("a=" + open.String())
		if err != nil || list[0].Pipeline.String() != open.String() {
			t.Errorf("%s as an output is %v, %v", text, list, err)
		}
	}
}

// TestTheLongestPipelines that are taken can be read back: their canonical JSON
// is longer than what was sent.
func TestTheLongestPipelines(t *testing.T) {
	angles := "text:" + strings.Repeat("<", 1900)
	p, err := pipeline.Parse(strings.Join([]string{angles, angles, angles, angles}, "/"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	var back pipeline.Pipeline
	if err := json.Unmarshal(data, &back); err != nil || back.String() != p.String() {
		t.Errorf("%d bytes of JSON: %v", len(data), err)
	}
	wide := `{"name":"p%d","kind":"text","default":"` + strings.Repeat("x", 900) + `"}`
	var list []string
	for i := range 16 {
		list = append(list, fmt.Sprintf(wide, i))
	}
	c := pipeline.NewCatalog(declare(t, "wide", params(strings.Join(list, ","))))
	open, err := pipeline.ParseOpen(strings.TrimSuffix(strings.Repeat("wide/", 5), "/"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Resolve(open); !errors.Is(err, pipeline.ErrInvalid) {
		t.Errorf("a pipeline that is too long once it is resolved: %v", err)
	}
}

// FuzzDeclare: what is taken can be shown, and a pipeline of it that is taken
// comes back from a database as it was.
func FuzzDeclare(f *testing.F) {
	f.Add("sketch", sketch, "sketch:style=dots:seed=9:edge=025p")
	f.Add("a", `{"summary":"Does.","params":[{"name":"p","kind":"numbers","counts":[1,3],"default":[0.5]}]}`, "a:1,2,3/a")
	f.Add("a", params(`{"name":"p","kind":"integer"},{"name":"q","kind":"numbers","counts":[2]},{"name":"r","kind":"number","min":0.0000000003,"max":0.7}`), "a:14022805006:4386676.8417508425,9007199254740991.5:0.0000000004")
	f.Add("b.c-1", params(`{"name":"p","kind":"text","default":"p"},{"name":"q","kind":"flag","default":true}`), `[{"op":"b.c-1","p":"q"}]`)
	f.Fuzz(func(t *testing.T, name, data, text string) {
		op, err := pipeline.Declare(name, []byte(data))
		if err != nil {
			if !errors.Is(err, pipeline.ErrDeclaration) || op.Name != "" {
				t.Errorf("%q is %+v beside %v", data, op, err)
			}
			return
		}
		c := pipeline.NewCatalog(op)
		if _, err := json.Marshal(c.Schema()); err != nil || op.Usage() == "" {
			t.Errorf("%q has the usage %q and no schema: %v", data, op.Usage(), err)
		}
		open, err := pipeline.ParseOpen(text)
		if err != nil {
			return
		}
		p, err := c.Resolve(open)
		if err != nil {
			return
		}
		stored, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var back pipeline.Pipeline
		if err := json.Unmarshal(stored, &back); err != nil || back.String() != p.String() {
			t.Errorf("%q is stored as %s, which is %q, %v; want %q", text, stored, back, err, p)
		}
		if again, err := c.Resolve(back); err != nil || again.String() != p.String() {
			t.Errorf("%q, resolved again, is %q, %v", p, again, err)
		}
	})
}
