package pipeline_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"minilab/internal/pipeline"
)

func TestFormsAreTheSameThing(t *testing.T) {
	for _, c := range []struct{ text, canonical, json string }{
		{"swap", "swap", `[{"op":"swap"}]`},
		{"swap:bgr", "swap", `[{"op":"swap"}]`},
		{"swap:grb", "swap:grb", `[{"op":"swap","order":"grb"}]`},
		{"swap/swap:rgb", "swap/swap:rgb", `[{"op":"swap"},{"op":"swap","order":"rgb"}]`},
		{"swap:grb/resize:512x512:cover/sharpen:1/webp:80", "swap:grb/resize:512x512:cover/sharpen/webp",
			`[{"op":"swap","order":"grb"},{"fit":"cover","height":512,"op":"resize","width":512},{"op":"sharpen"},{"op":"webp"}]`},
		{"resize:x100:fit=fill:enlarge", "resize:x100:fill:enlarge", `[{"enlarge":true,"fit":"fill","height":100,"op":"resize"}]`},
		{"resize:300::enlarge=true:dpr=2", "resize:300:enlarge:dpr=2", `[{"dpr":2,"enlarge":true,"op":"resize","width":300}]`},
		{"resize:height=5", "resize:x5", `[{"height":5,"op":"resize"}]`},
		{"crop:50%25x25p:x=1.50p", "crop:50px25p:x=1.5p", `[{"height":"25p","op":"crop","width":"50p","x":"1.5p"}]`},
		{"matrix:1.0,0,0,0,+1,0,0,0,.5", "matrix:1,0,0,0,1,0,0,0,0.5", `[{"coefficients":[1,0,0,0,1,0,0,0,0.5],"op":"matrix"}]`},
		{"duotone:#FA3:red", "duotone:ffaa33:ff0000", `[{"dark":"ffaa33","light":"ff0000","op":"duotone"}]`},
		{"background:ffff", "background", `[{"op":"background"}]`},
		{"text:a%2Fb%3A %25%3D%0A", "text:a%2Fb%3A %25%3D%0A", `[{"op":"text","text":"a/b: %=\n"}]`},
		{"text: a ", "text: a%20", `[{"op":"text","text":" a "}]`},
		{"text:a\u00a0/webp", "text:a%C2%A0/webp", "[{\"op\":\"text\",\"text\":\"a\u00a0\"},{\"op\":\"webp\"}]"},
		{"webp:lossless", "webp:lossless", `[{"lossless":true,"op":"webp"}]`},
		{"brightness:-0", "brightness:0", `[{"amount":0,"op":"brightness"}]`},
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
		"":                                "at character 1: unknown operation",
		"blurr:2":                         `at character 1: unknown operation "blurr", did you mean "blur"?`,
		"swap/resise:5":                   `at character 6: unknown operation "resise", did you mean "resize"?`,
		"jpg":                             "jpg cannot be written here: its name here is jpeg",
		"swap/blur":                       "at character 6: blur: sigma is missing, expected a number from 0.3 to 250 pixels",
		"swap:xyz":                        `at character 6: swap: order is "xyz", expected one of bgr`,
		"swap:rrg":                        "expected one of bgr",
		"swap/swap:bgr:1":                 "at character 15: swap takes at most 1 parameters",
		"swap/":                           "at character 6",
		"swap:order=rgb:order=bgr":        "at character 16: swap: order is given twice",
		"resize:fitt=cover":               `at character 8: resize has no parameter "fitt", did you mean "fit"?`,
		"resize:5:covr":                   `did you mean "cover"?`,
		"resize:70000":                    `width is "70000", expected a whole number from 0 to 65535 pixels`,
		"resize":                          "a width or a height is needed",
		"blur:NaN":                        "expected a number",
		"text:a%zz":                       "invalid URL escape",
		"text:%00":                        "expected text",
		"webp/resize:5":                   "at character 6: resize comes after webp",
		"webp/jpeg":                       "jpeg comes after webp",
		"resize:5/page:2":                 "at character 10: page chooses what of the image is read and must stand before resize",
		"jxl:80":                          "jxl cannot be written here: the library has no JPEG XL; expected jpeg, webp",
		"auto:accept=webq":                `did you mean "webp"?`,
		"curves:0,0,0,1":                  "must grow",
		"curves:0,0,1":                    "expected 4 to 32 numbers",
		"levels:0.9:0.1":                  "white must be above black",
		"sketch:3":                        "unknown operation",
		"[]":                              "at least one operation",
		`[{"op":"swap","size":1}]`:        `at operation 1: swap has no parameter "size"`,
		`[{"order":"bgr"}]`:               `"op" is missing`,
		`[{"op":"swap","order":5}]`:       `parameter order: swap: order is "5"`,
		`[{"op":"swap","order":null}]`:    "expected a string, a number",
		`[{"op":"swap"},{"op":"sketch"}]`: "at operation 2: unknown operation",
		"[" + strings.Repeat(`{"op":"text","text":"`+strings.Repeat("/", 190)+`"},`, 29) + `{"op":"swap"}]`: "at most 8192 bytes as text, got 16708",
		"[{":                                    "expected a list of operations",
		`[{"op":"swap"}] [`:                     "expected a list of operations",
		strings.Repeat("swap/", 64) + "swap":    "at character 321: a pipeline has at most 64 operations",
		strings.Repeat("swap/", 999) + "swap":   "a pipeline has at most 64 operations, got 1000",
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
	for _, seed := range []string{"swap", "swap:grb/swap", `[{"op":"swap","order":"rbg"}]`, "swap:", "[", "/", `[{"order":"bgr","op":"swap"},{"op":"swap"}]`, `[{"op":"sketch","a":[0,1],"fast":true,"x":false}]`, strings.Repeat("swap/", 63) + "swap", "rotate:1e-300", "sketch:a=1e300:1", "rotate:-359.9999999999999999"} {
		f.Add(seed)
	}
	for _, op := range pipeline.Ops() {
		f.Add(op.Example)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := pipeline.Parse(text)
		if err != nil {
			if !errors.Is(err, pipeline.ErrInvalid) || len(p) > 0 {
				t.Errorf("%q gives %q beside %v", text, p, err)
			}
			open, err := pipeline.ParseOpen(text)
			if err != nil {
				return
			}
			if len(open.Foreign()) == 0 {
				t.Errorf("%q is refused and yet taken as %q", text, open)
			}
			p = open
		}
		data, err := json.Marshal(p)
		if err != nil || len(p) > pipeline.MaxSteps {
			t.Fatalf("%q has the canonical text %q and no JSON: %v", text, p, err)
		}
		canonical := p.String()
		if len(canonical) <= pipeline.MaxText {
			again, err := pipeline.ParseOpen(canonical)
			if err != nil || again.String() != canonical {
				t.Errorf("%q is %q, and %q is %q, %v", text, p, canonical, again, err)
			}
		}
		var back pipeline.Pipeline
		if err := json.Unmarshal(data, &back); len(data) <= pipeline.MaxText && (err != nil || back.String() != canonical) {
			t.Errorf("%q is %q; its JSON %s is %q, %v", text, p, data, back, err)
		}
	})
}

func TestEveryDeclarationIsWhole(t *testing.T) {
	for _, op := range pipeline.Ops() {
		p, err := pipeline.Parse(op.Example)
		if err != nil || !slices.ContainsFunc(p, func(s pipeline.Step) bool { return s.Op() == op.Name }) {
			t.Errorf("%s: the example %q is no example: %v", op.Name, op.Example, err)
		}
		if !slices.Contains(pipeline.Groups, op.Group) || !strings.HasSuffix(op.Summary, ".") {
			t.Errorf("%s has the group %q and the summary %q", op.Name, op.Group, op.Summary)
		}
		for _, param := range op.Params {
			if param.Doc == "" || param.Expects() == "a value" {
				t.Errorf("%s: %s is not documented", op.Name, param.Name)
			}
		}
	}
}
