package labtest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"minilab/internal/kv"
	"minilab/internal/lab"
	"minilab/internal/preset"
)

func keep(t *testing.T, f Fixture, name, value string) {
	t.Helper()
	if _, _, err := f.Presets.Put(t.Context(), "presets/"+name, []byte(value), kv.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

func forget(t *testing.T, f Fixture, name string) {
	t.Helper()
	if err := f.Presets.Delete(t.Context(), "presets/"+name, 0); err != nil {
		t.Fatal(err)
	}
}

// means is what a submission with a preset asks workers for.
func means(t *testing.T, f Fixture, name string) string {
	t.Helper()
	submit(t, f, lab.Submission{Preset: name})
	return asked(claim(t, f))
}

// comesToMean waits until a change of a preset is seen, which takes a second at most.
func comesToMean(t *testing.T, f Fixture, name, want string) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(time.Second); ; <-again.C {
		got := means(t, f, name)
		if got == want {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after a second %s still means %q, not %q", name, got, want)
		}
	}
}

func testPresets(t *testing.T, f Fixture) {
	keep(t, f, "shop", `{"summary":"For the shop","pipeline":"orient","outputs":{"thumb":"resize:256x256/webp","large":[{"op":"flip"}]}}`)
	if got, want := means(t, f, "shop"), "orient|thumb=resize:256x256/webp|large=flip"; got != want {
		t.Errorf("shop means %q, want %q", got, want)
	}
	keep(t, f, "alone", `{"outputs":{"a":"swap","b":"flip"}}`)
	if got := means(t, f, "alone"); got != "|a=swap|b=flip" {
		t.Errorf("alone means %q", got)
	}
	keep(t, f, "viewed", "swap/auto")
	submit(t, f, lab.Submission{Preset: "viewed", Accept: "webp", Partial: true})
	if got := asked(claim(t, f)); got != "partial/swap/auto:accept=webp|=" {
		t.Errorf("viewed means %q", got)
	}
}

func testPresetVersions(t *testing.T, f Fixture) {
	keep(t, f, "p@2", "swap:rbg")
	if got := means(t, f, "p"); got != "swap:rbg|=" {
		t.Errorf("p means %q", got)
	}
	keep(t, f, "p@10", "swap:grb")
	keep(t, f, "p@9", "flop")
	keep(t, f, "p-more@11", "flop")
	comesToMean(t, f, "p", "swap:grb|=")
	for name, want := range map[string]string{"p@2": "swap:rbg|=", "p@9": "flop|=", "p@10": "swap:grb|="} {
		if got := means(t, f, name); got != want {
			t.Errorf("%s means %q, want %q", name, got, want)
		}
	}
	keep(t, f, "p", "flip")
	comesToMean(t, f, "p", "flip|=")
	forget(t, f, "p")
	forget(t, f, "p@10")
	comesToMean(t, f, "p", "flop|=")
	for _, name := range []string{"none", "p@3", "p@02", "P", "p/", "../p", "p@10x", strings.Repeat("p", 1000), "p\x00"} {
		_, err := f.Lab.Submit(t.Context(), lab.Submission{Fresh: true, Preset: name, Size: lab.Unknown}, strings.NewReader(image))
		want(t, "Submit with the preset "+name[:min(len(name), 20)], err, lab.ErrPreset)
	}
}

func testPresetChanges(t *testing.T, f Fixture) {
	keep(t, f, "p", "flip")
	comesToMean(t, f, "p", "flip|=")
	submit(t, f, lab.Submission{Preset: "p"})
	keep(t, f, "p", "flop")
	if got := asked(claim(t, f)); got != "flip|=" {
		t.Errorf("a task in hand asks for %q", got)
	}
	comesToMean(t, f, "p", "flop|=")
	forget(t, f, "p")
	end := time.Now().Add(time.Second)
	for again := true; again; {
		_, err := f.Lab.Submit(t.Context(), lab.Submission{Fresh: true, Preset: "p", Size: int64(len(image))}, strings.NewReader(image))
		again = err == nil && time.Now().Before(end)
		if !again {
			want(t, "Submit with a preset that is gone", err, lab.ErrPreset)
		}
	}
}

// testBrokenPreset is about what was written when more was allowed, or by
// somebody who goes round the check.
func testBrokenPreset(t *testing.T, f Fixture) {
	for value, text := range map[string]string{
		"swap/webp:0":                               `the preset "p@1" cannot be used: at character 11: webp: quality is "0"`,
		"flip/mirage:5":                             `the preset "p@1" cannot be used: at character 6: unknown operation "mirage"`,
		`{"outputs":{"a":"flip","b":"mirage"}}`:     `the preset "p@1" cannot be used: output "b": at character 1: unknown operation`,
		`{"pipeline":"webp","outputs":"a=|b=swap"}`: `the preset "p@1" cannot be used: output "b"`,
		"":         `the preset "p@1" cannot be used`,
		"\xff\xfe": `the preset "p@1" cannot be used`,
	} {
		keep(t, f, "p@1", value)
		end := time.Now().Add(time.Second)
		for again := true; again; {
			_, err := f.Lab.Submit(t.Context(), lab.Submission{Fresh: true, Preset: "p", Size: lab.Unknown}, strings.NewReader(image))
			again = (err == nil || !strings.Contains(err.Error(), text)) && time.Now().Before(end)
			if !again && (!errors.Is(err, preset.ErrInvalid) || !strings.Contains(err.Error(), text)) {
				t.Errorf("the preset %q: %v, want %q", value, err, text)
			}
		}
	}
	nothingLeft(t, f)
}
