package develop

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"minilab/internal/pipeline"
	"minilab/internal/vips"
)

// auto writes the smallest of what the viewer takes and says which format that
// is. Every candidate is made: how well a format does depends on the picture.
func (p *printer) auto(step pipeline.Step) (name string, err error) {
	if err := p.sheet.Settled(); err != nil {
		return "", err
	}
	candidates, err := p.candidates(step)
	if err != nil {
		return "", err
	}
	limit := int64(step.Int("maxbytes"))
	var best []byte
	var failed error
	for _, text := range candidates {
		one := must(pipeline.Parse(text))[0]
		err := p.attempt(one, limit)
		if tooLargeTrial(err) {
			failed = err // another one may be small enough
			continue
		}
		if err != nil {
			return "", err
		}
		data, err := readAll(p.file)
		if err != nil {
			return "", err
		}
		if best == nil || len(data) < len(best) {
			best, name = data, one.Op()
		}
	}
	if best == nil {
		return p.lossy(step, failed)
	}
	if err := unix.Ftruncate(p.file, 0); err != nil {
		return "", err
	}
	return name, writeAll(p.file, best)
}

// lossy writes what is too large without loss: a drawing, or what is transparent.
func (p *printer) lossy(step pipeline.Step, failed error) (name string, err error) {
	q, limit := step.Int("quality"), int64(step.Int("maxbytes"))
	var formats []string
	if takes(step, "webp") {
		formats = append(formats, "webp")
	}
	if !p.sheet.HasAlpha() && p.sheet.Pages == 1 {
		formats = append(formats, "jpeg")
	}
	for _, name := range formats {
		err := p.attempt(must(pipeline.Parse(fmt.Sprintf("%s:%d", name, q)))[0], limit)
		if err == nil || !tooLargeTrial(err) {
			return name, err
		}
		failed = err
	}
	return "", failed
}

// takes says that the viewer takes a format, and that it can be written here.
func takes(step pipeline.Step, format string) bool {
	return slices.Contains(strings.Split(step.Value("accept"), ","), format) && formatNamed(format).name != ""
}

// attempt writes one candidate, of at most so many bytes if there is a limit.
func (p *printer) attempt(step pipeline.Step, limit int64) error {
	if limit == 0 {
		_, err := p.trial(step)
		return err
	}
	return p.search(step, limit)
}

// candidates are the formats to try, as steps in text form. Drawings, which have
// few colours, are kept as they are; what moves keeps moving.
func (p *printer) candidates(step pipeline.Step) ([]string, error) {
	q := step.Int("quality")
	drawing, err := p.drawing()
	if err != nil {
		return nil, err
	}
	var list []string
	add := func(wanted bool, format string, args ...any) {
		if wanted {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	moving := p.sheet.Pages > 1 && p.n.format.name != "tiff"
	add(takes(step, "webp") && drawing, "webp:lossless")
	add(takes(step, "webp") && !drawing, "webp:%d", q)
	if moving {
		add(true, "gif")
		return list, nil
	}
	add(takes(step, "avif") && !drawing, "avif:%d", max(1, q*7/10)) // its scale looks as good with less
	add(drawing || p.sheet.HasAlpha(), "png")
	add(!drawing && !p.sheet.HasAlpha(), "jpeg:%d", q)
	return list, nil
}

// drawing says that the image has few colours, as drawings, screenshots of text
// and charts have: at most so many in a sample of pixels.
func (p *printer) drawing() (bool, error) {
	const most, sample = 256, 1 << 16
	step := 1
	for p.sheet.Width()/step*p.sheet.Height()/step > sample {
		step++
	}
	few, err := vips.Make("subsample", vips.Options{"input": p.sheet.Image, "xfac": step, "yfac": step})
	if err != nil {
		return false, err
	}
	defer few.Close()
	data, err := few.Pixels()
	if err != nil {
		return false, err
	}
	size := few.Bands() * few.Bits() / 8
	colours := make(map[string]struct{})
	for ; len(data) >= size && len(colours) <= most; data = data[size:] {
		colours[string(data[:size])] = struct{}{}
	}
	return len(colours) <= most, nil
}
