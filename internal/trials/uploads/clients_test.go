package uploads

import (
	"bytes"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"minilab/internal/trials"
)

// TestTusJSClient is cut off in the middle, as by a closed tab, and goes on in
// another process, over frontends in turn.
func TestTusJSClient(t *testing.T) {
	for name, topology := range map[string]trials.Topology{"one process": trials.OneProcess, "eight processes": topology} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, topology)
			base := l.URL("frontend")
			if len(topology) > 1 {
				base = balancer(t, l)
			}
			file, data := photo(t, 9<<20)
			notes := filepath.Join(t.TempDir(), "notes.json")
			first, code := node(t, "tus.mjs", base+prefix, file, notes, "0.5")
			if code != 7 {
				t.Fatalf("the first part ended with %d: %+v", code, first)
			}
			second, code := node(t, "tus.mjs", base+prefix, file, notes)
			if code != 0 || !second[len(second)-1].Done {
				t.Fatalf("the second part ended with %d: %+v", code, second)
			}
			if second[0].Method != "HEAD" && second[1].Method != "HEAD" {
				t.Errorf("it did not go on but begin anew: %+v", second[:2])
			}
			if resumed := furthest(second[:2]); resumed < 4<<20 {
				t.Errorf("it goes on at %d", resumed)
			}
			url := second[len(second)-1].URL
			if !strings.HasPrefix(url, base+prefix) {
				t.Errorf("the upload is called %s", url)
			}
			if got := kept(l, url); !bytes.Equal(got, data) {
				t.Errorf("%d bytes are kept, want %d", len(got), len(data))
			}
		})
	}
}

func furthest(lines []said) (offset int) {
	for _, line := range lines {
		if n, err := strconv.Atoi(line.Offset); err == nil {
			offset = max(offset, n)
		}
	}
	return offset
}

// TestUppy sends several files at once.
func TestUppy(t *testing.T) {
	l := newLab(t, topology)
	var files []string
	want := map[string][]byte{}
	for range 4 {
		file, data := photo(t, 1<<20+12345)
		files = append(files, file)
		want[string(data)] = data
	}
	lines, code := node(t, "uppy.mjs", append([]string{balancer(t, l) + prefix}, files...)...)
	if code != 0 {
		t.Fatalf("it ended with %d: %+v", code, lines)
	}
	for _, line := range lines {
		if line.Done {
			delete(want, string(kept(l, line.URL)))
		}
	}
	if len(want) > 0 {
		t.Errorf("%d of %d files have not come: %+v", len(want), len(files), lines)
	}
}
