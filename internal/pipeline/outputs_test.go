package pipeline_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"minilab/internal/pipeline"
)

func TestFormsOfOutputsAreTheSameThing(t *testing.T) {
	for text, want := range map[string]string{
		"thumb=resize:256x256/webp|large=resize:1600x1600/jpeg:80":                                    "thumb=resize:256x256/webp|large=resize:1600x1600/jpeg",
		`{"z":"swap:bgr","a":"webp","m":[{"op":"flip"}]}`:                                             "z=swap|a=webp|m=flip", // in their order
		`[{"name":"a","pipeline":"swap"},{"pipeline":[{"op":"text","text":"x|y=z"}],"name":"b_2-c"}]`: "a=swap|b_2-c=text:x%7Cy%3Dz",
		`a=[{"op":"swap","order":"rbg"}]|b=webp`:                                                      "a=swap:rbg|b=webp",
		"as-is=|0=flop":                                                                               "as-is=|0=flop",
		`{"as-is":"","b":[]}`:                                                                         "as-is=|b=",
		`[{"name":"a"}]`:                                                                              "a=",
		"a=text:x%7Cy|b=text:text=1%3D2":                                                              "a=text:x%7Cy|b=text:1%3D2",
		" {\"a\":\"swap\"}"[1:] + " ":                                                                 "a=swap",
		"a=resize:300:enlarge=true|b=swap:bgr":                                                        "a=resize:300:enlarge|b=swap",
	} {
		list, err := pipeline.ParseOutputs(text)
		if err != nil || pipeline.OutputsText(list) != want {
			t.Errorf("%s is %q, %v, want %q", text, pipeline.OutputsText(list), err, want)
			continue
		}
		if again, err := pipeline.ParseOutputs(want); err != nil || pipeline.OutputsText(again) != want {
			t.Errorf("%q reads as %q, %v", want, pipeline.OutputsText(again), err)
		}
	}
}

func TestInvalidOutputsSayWhichAndWhere(t *testing.T) {
	var many []string
	for i := range pipeline.MaxOutputs + 1 {
		many = append(many, fmt.Sprintf("o%d=swap", i))
	}
	if _, err := pipeline.ParseOutputs(strings.Join(many[1:], "|")); err != nil {
		t.Errorf("as many as there may be: %v", err)
	}
	for text, want := range map[string]string{
		"":                                `output 1: "" is no output, expected NAME=PIPELINE`,
		"swap":                            `output 1: "swap" is no output`,
		"a=swap|b":                        `output 2: "b" is no output`,
		"a=swap|":                         `output 2: "" is no output`,
		"a=swap|b=flip/resise:5":          `output "b": at character 6: unknown operation "resise", did you mean "resize"?`,
		"a=webp:101":                      `output "a": at character 6: webp: quality is "101"`,
		`{"a":"webp:101"}`:                `output "a": at character 6: webp: quality is "101"`,
		`{"a":[{"op":"flip"},{"op":1}]}`:  `output "a": at operation 2: "op" is missing or not a string`,
		`{"a":5}`:                         `output "a": expected a pipeline`,
		`{"a":null}`:                      `output "a": expected a pipeline`,
		`[{"name":"a","pipe":"swap"}]`:    "expected outputs such as",
		`{}`:                              "expected outputs such as",
		`[]`:                              "expected outputs such as",
		`{"a":"swap"} x`:                  "expected outputs such as",
		`{"a":"swap"`:                     "expected outputs such as",
		`{"a"`:                            "expected outputs such as",
		`[{"name":"a"}] [`:                "expected outputs such as",
		"Large=swap":                      `output 1: "Large" is no name, expected 1 to 64 of a-z`,
		"=swap":                           `output 1: "" is no name`,
		"-a=swap":                         `output 1: "-a" is no name`,
		"a.b=swap":                        `output 1: "a.b" is no name`,
		strings.Repeat("a", 65) + "=swap": "is no name",
		"a=swap|b=flip|a=flop":            `output 3: there is another one with the name "a"`,
		`{"a":"swap","a":"flip"}`:         `output 2: there is another one with the name "a"`,
		strings.Join(many, "|"):           "at most 16 outputs, got 17",
		"a=" + strings.Repeat("x", pipeline.MaxText):                                                      "at most 8192 bytes",
		`{"a":"text:` + strings.Repeat("%3d", 1366) + `","b":"text:` + strings.Repeat("%3d", 1366) + `"}`: "at most 8192 bytes as text, got 8211",
		"[" + strings.Repeat(" ", 8*pipeline.MaxText) + "]":                                               "at most 65536 bytes",
	} {
		list, err := pipeline.ParseOutputs(text)
		if !errors.Is(err, pipeline.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, %v; want %q", text, list, err, want)
		}
	}
}

// FuzzParseOutputs: whatever is accepted leads back to itself.
func FuzzParseOutputs(f *testing.F) {
	for _, seed := range []string{"a=swap|b=webp:3", `{"a":"swap","b":[{"op":"flip"}]}`, `[{"name":"a","pipeline":"text:%7C"}]`, "a=", "|", "{", `{"a":{}}`, "a=b=c|"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := pipeline.ParseOutputs(text)
		if err != nil {
			if !errors.Is(err, pipeline.ErrInvalid) {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		canonical := pipeline.OutputsText(list)
		again, err := pipeline.ParseOutputs(canonical)
		if err != nil || pipeline.OutputsText(again) != canonical || len(again) != len(list) {
			t.Errorf("%q is %q, which is %q, %v", text, canonical, pipeline.OutputsText(again), err)
		}
	})
}

func parsed(t *testing.T, text string) pipeline.Pipeline {
	t.Helper()
	if text == "" {
		return nil
	}
	p, err := pipeline.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAutoGetsTheViewersFormats(t *testing.T) {
	for _, c := range []struct{ text, formats, want string }{
		{"swap/auto", "avif,webp", "swap/auto:accept=avif,webp"},
		{"auto:60", "webp", "auto:60:webp"},
		{"auto:accept=avif", "webp", "auto:accept=avif"},
		{"swap/auto", "", "swap/auto"},
		{"swap/webp", "avif", "swap/webp"},
		{"", "avif", ""},
	} {
		p := parsed(t, c.text)
		if got := p.Accepting(c.formats).String(); got != c.want {
			t.Errorf("%q with %q is %q, want %q", c.text, c.formats, got, c.want)
		}
		if p.String() != parsed(t, c.text).String() {
			t.Errorf("%q became %q", c.text, p)
		}
	}
	if got := pipeline.ViewedText([]string{"webp", "jxl", "avif", "png", "webp"}); got != "avif,webp" {
		t.Errorf("the formats are %q", got)
	}
}

func TestPartialStandsFirstAndOnce(t *testing.T) {
	for text, want := range map[string]string{"swap": "partial/swap", "page:2/swap": "partial/page:2/swap", "page:2/partial/swap": "page:2/partial/swap", "": "partial"} {
		p := parsed(t, text).Partial()
		if p.String() != want || parsed(t, want).String() != want {
			t.Errorf("%q became %q, want %q", text, p, want)
		}
	}
	if got := parsed(t, "page:2/partial/swap").WithoutPartial().String(); got != "page:2/swap" {
		t.Errorf("without partial: %q", got)
	}
}

func TestSizesThatNoImageMayHaveAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"resize:1000x1000:contain":                   "",
		"resize:1001x1000:contain":                   "at operation 1: resize makes 1001x1000 pixels, 1001000 in all, expected at most 1000000",
		"swap/resize:1000x1000:contain:dpr=1.1":      "at operation 2: resize makes 1100x1100 pixels",
		"resize:2000x2000:contain:dpr=0.5":           "",
		"resize:2000x2000:cover":                     "", // never larger than the image
		"resize:2000x2000:cover:enlarge":             "at operation 1: resize makes 2000x2000",
		"resize:2000x2000:fill:enlarge":              "at operation 1: resize makes 2000x2000",
		"resize:65535x65535:enlarge":                 "", // inside: by the image's shape
		"resize:65535:contain":                       "",
		"extend:1001x1000":                           "at operation 1: extend makes",
		"extend:60000":                               "",
		"pad:500:500:500:500":                        "at operation 1: pad makes 1001x1001",
		"pad:499:499:499:499":                        "",
		"pad:90p:90p:90p:90p":                        "",
		"crop:60000x60000":                           "",
		"resize:65535x65535:fill:enlarge:dpr=10/png": "at operation 1: resize makes 655350x655350 pixels, 429483622500 in all",
	} {
		err := parsed(t, text).CheckSize(1_000_000)
		if want == "" && err != nil || want != "" && (!errors.Is(err, pipeline.ErrInvalid) || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
