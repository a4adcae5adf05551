package corpus

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Goroot are the images that come with Go and are good: PngSuite among them. The
// truth of each is what Go's decoders see. Those that are not good, on purpose,
// are Spoilt.
func Goroot(ctx context.Context) ([]*Image, error) { return goroot(ctx, false) }

// Spoilt are the images that come with Go and are broken.
func Spoilt(ctx context.Context) ([]*Image, error) { return goroot(ctx, true) }

var goCollections = []struct {
	pattern string
	count   int // at least
}{
	{"testdata/*.jpeg", 25}, {"testdata/*.png", 5}, {"testdata/*.gif", 4}, {"png/testdata/*.png", 10}, {"png/testdata/pngsuite/*.png", 30},
}

func goroot(ctx context.Context, spoilt bool) ([]*Image, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	var all []*Image
	for _, c := range goCollections {
		names, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), "src/image", c.pattern))
		if err != nil || len(names) < c.count {
			return nil, fmt.Errorf("corpus: there are %d images of Go's at %s, want %d: %w", len(names), c.pattern, c.count, err)
		}
		for _, name := range names {
			if isSpoilt(name) == spoilt {
				m, err := fromGo(name)
				if err != nil {
					return nil, err
				}
				all = append(all, m)
			}
		}
	}
	return all, nil
}

func isSpoilt(name string) bool {
	return strings.Contains(name, "invalid") // the truncated JPEG lacks its last scans only, which is allowed
}

func fromGo(name string) (*Image, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	m := &Image{Name: "go " + filepath.Base(name), Data: data}
	if isSpoilt(name) {
		return m, nil
	}
	frames, c, err := View(data, nil)
	if err != nil {
		return nil, fmt.Errorf("corpus: %s: %w", name, err)
	}
	m.Frames, m.Format, m.Depth, m.Alpha, m.Loop, m.Meta = frames, c.Format, c.Depth, c.Alpha, c.Loop, c.Kinds()
	if c.Format == "jpeg" {
		m.Near = Tolerance{Mean: 4, Max: 60} // Go repeats chroma where others interpolate
		if strings.Contains(name, "cmyk") {
			m.Near, m.Press = Guessed, true
		}
		if strings.Contains(name, "001.rgb") {
			m.Near = Tolerance{Mean: 10, Max: 140}
		}
	}
	return m, nil
}

// Named is the image of that name.
func Named(all []*Image, name string) *Image {
	return all[slices.IndexFunc(all, func(m *Image) bool { return m.Name == name })]
}
