package develop_test

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"minilab/internal/develop"
	"minilab/internal/engine/wire"
	"minilab/internal/fault"
	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// TestRandomPipelines: whatever valid pipeline meets whatever image, the result
// is an image of the size that is announced, or one of the faults of the image.
func TestRandomPipelines(t *testing.T) {
	sources := assortment(t)
	for seed := range uint64(400) {
		random := rand.New(rand.NewPCG(seed, 4))
		source := sources[random.IntN(len(sources))]
		texts := make([]string, 1+random.IntN(3))
		for i := range texts {
			texts[i] = randomPipeline(random)
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Logf("%s: %s", source.name, strings.Join(texts, " | "))
			checkRandom(t, source.data, texts)
		})
	}
}

func checkRandom(t *testing.T, data []byte, texts []string) {
	job := develop.Job{
		Input: data, Attachments: map[string][]byte{"logo": encodePNG(t, veiled(30, 20))},
		Limits: develop.Limits{MaxPixels: 1 << 20, MaxFrames: 100, MaxPages: 100, MaxOutput: 1 << 24},
	}
	for _, text := range texts {
		p, err := pipeline.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		job.Outputs = append(job.Outputs, develop.Target{Pipeline: p, File: memfd(t)})
	}
	result, err := develop.Develop(job)
	if err != nil {
		allowed := errors.Is(err, wire.ErrOutputTooLarge) || errors.Is(err, wire.ErrNoPage) || errors.Is(err, wire.ErrOperation)
		if !allowed || fault.KindOf(err) == fault.Internal {
			t.Errorf("%v", err)
		}
		return
	}
	for i, out := range result.Outputs {
		m, err := vips.Load(loaders[out.ContentType], contents(t, job.Outputs[i].File), nil)
		if err != nil {
			t.Errorf("%s cannot be read: %v", texts[i], err)
			continue
		}
		if m.Width() != out.Width || m.Height() != out.Height {
			t.Errorf("%s announces %d x %d pixels and has %d x %d", texts[i], out.Width, out.Height, m.Width(), m.Height())
		}
		if err := m.Drain(); err != nil {
			t.Errorf("%s cannot be read: %v", texts[i], err)
		}
		m.Close()
	}
}

type namedImage struct {
	name string
	data []byte
}

// assortment is images of every kind.
func assortment(t *testing.T) []namedImage {
	_, moving := film(t)
	thin := image.NewNRGBA(image.Rect(0, 0, 1, 57))
	dot := image.NewGray(image.Rect(0, 0, 1, 1))
	dot.SetGray(0, 0, color.Gray{Y: 99})
	photo := encodePNG(t, flatten(scene(90, 61), color.White))
	return []namedImage{
		{"photograph", convert(t, photo, "pngload_source", nil, "jpegsave_target", vips.Options{"Q": 90})},
		{"turned photograph", turnedJPEG(t, photo, 6)},
		{"grey photograph", fromPNG(t, greyed(scene(70, 50)), "jpegsave_target", nil)},
		{"PNG", photo}, {"alpha", encodePNG(t, veiled(64, 48))}, {"deep", encodePNG(t, noise(40, 33))},
		{"grey", encodePNG(t, greyed(scene(33, 44)))}, {"animation", moving},
		{"animated WebP", convert(t, moving, "gifload_source", vips.Options{"n": -1}, "webpsave_target", nil)},
		{"pages", convert(t, moving, "gifload_source", vips.Options{"n": -1}, "tiffsave_target", nil)},
		{"AVIF", fromPNG(t, scene(50, 40), "heifsave_target", vips.Options{"compression": "av1", "effort": 0})},
		{"CMYK", cmykTIFF(t)}, {"thin", encodePNG(t, thin)}, {"dot", encodePNG(t, dot)},
	}
}

func turnedJPEG(t *testing.T, png []byte, orientation int) []byte {
	m, err := vips.Load("pngload_source", png, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	c, err := m.Call("copy", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetInt("orientation", orientation)
	return saved(t, c, "jpegsave_target", nil)
}

func cmykTIFF(t *testing.T) []byte {
	m, err := vips.Load("pngload_source", encodePNG(t, flatten(scene(40, 30), color.White)), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	c, err := m.Call("icc_transform", vips.Options{"output_profile": "cmyk", "input_profile": "srgb"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return saved(t, c, "tiffsave_target", nil)
}

// randomPipeline is a valid pipeline of up to five steps, in text form.
func randomPipeline(random *rand.Rand) string {
	ops := pipeline.Ops()
	var firsts, steps, formats []pipeline.Op
	for _, op := range ops {
		switch {
		case op.Group == pipeline.Input:
			firsts = append(firsts, op)
		case op.Format():
			formats = append(formats, op)
		default:
			steps = append(steps, op)
		}
	}
	var parts []string
	add := func(op pipeline.Op) {
		for range 50 {
			text := randomStep(random, op)
			if _, err := pipeline.Parse(text); err == nil {
				parts = append(parts, text)
				return
			}
		}
		parts = append(parts, op.Example)
	}
	if random.IntN(5) == 0 {
		add(firsts[random.IntN(len(firsts))])
	}
	for range 1 + random.IntN(4) {
		add(steps[random.IntN(len(steps))])
	}
	if random.IntN(2) == 0 {
		add(formats[random.IntN(len(formats))])
	}
	text := strings.Join(parts, "/")
	if _, err := pipeline.Parse(text); err != nil { // an example of several steps in the middle
		return randomPipeline(random)
	}
	return text
}

func randomStep(random *rand.Rand, op pipeline.Op) string {
	text := op.Name
	for _, p := range op.Params {
		if !p.Required && random.IntN(2) == 0 {
			continue
		}
		text += ":" + p.Name + "=" + randomValue(random, p)
	}
	return text
}

func randomValue(random *rand.Rand, p pipeline.Param) string {
	between := func() float64 { // small values are more interesting, and so are the ends
		switch random.IntN(8) {
		case 0:
			return p.Min
		case 1:
			return p.Max
		}
		return p.Min + (math.Min(p.Max, p.Min+200)-p.Min)*random.Float64()
	}
	switch p.Kind {
	case pipeline.Integer:
		return fmt.Sprint(int(between()))
	case pipeline.Number:
		return fmt.Sprintf("%.3f", between())
	case pipeline.Flag:
		return fmt.Sprint(random.IntN(2) == 0)
	case pipeline.Choice:
		return p.Choices[random.IntN(len(p.Choices))]
	case pipeline.Colours:
		return []string{"transparent", "red", "80ff0040", "000", "orange"}[random.IntN(5)]
	case pipeline.Length:
		if random.IntN(2) == 0 {
			return fmt.Sprintf("%dp", random.IntN(101))
		}
		return fmt.Sprint(int(between()))
	case pipeline.Numbers:
		list := make([]string, p.Counts[random.IntN(len(p.Counts))])
		for i := range list {
			list[i] = fmt.Sprintf("%.3f", p.Min+(min(p.Max, 5)-p.Min)*random.Float64())
		}
		return strings.Join(list, ",")
	case pipeline.Reference:
		return "logo"
	}
	return "Text %C3%A9 of two%0Alines"
}
