package corpus_test

import (
	"testing"

	"minilab/internal/develop/corpus"
)

// TestTheViewerSeesTheTruth compares what was drawn with what Go's decoders, and
// this package's reader of containers, find in the files.
func TestTheViewerSeesTheTruth(t *testing.T) {
	names := map[string]bool{}
	for _, m := range corpus.All() {
		t.Run(m.Name, func(t *testing.T) {
			if names[m.Name] {
				t.Error("there are two of that name")
			}
			names[m.Name] = true
			frames, c, err := corpus.View(m.Data, nil)
			if c == nil || m.Blind == "" && err != nil {
				t.Fatal(err)
			}
			if err == nil {
				err = corpus.Compare(frames, m.Frames, m.Within)
			}
			if (err == nil) != (m.Blind == "") {
				t.Errorf("%v, though blind is %q", err, m.Blind)
			}
			if c.Format != m.Format || c.Depth != m.Depth || c.Orientation != m.Orientation || c.Alpha != m.Alpha || c.Loop != m.Loop {
				t.Errorf("the container says %s, %d bits, orientation %d, alpha %v, loop %d; want %s, %d, %d, %v, %d",
					c.Format, c.Depth, c.Orientation, c.Alpha, c.Loop, m.Format, m.Depth, m.Orientation, m.Alpha, m.Loop)
			}
		})
	}
	t.Logf("%d images", len(names))
}
