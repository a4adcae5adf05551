package sqlitekv

import (
	"testing"

	"minilab/internal/kv"
)

// TestABatchIsBounded reads a feed of large values: each time about a megabyte
// is copied, whatever the prefix, and nothing is passed over.
func TestABatchIsBounded(t *testing.T) {
	const events = 40
	f := newFeed(1000, 1<<30)
	for i := range int64(events) {
		f.append(kv.Event{Entry: kv.Entry{Key: []string{"a", "b"}[i%2], Value: make([]byte, 300<<10), Revision: i + 1}})
	}
	for prefix, want := range map[string]int{"": events, "a": events / 2, "c": 0} {
		seen, position := 0, int64(fromOldest)
		for more := (<-chan struct{})(nil); more == nil; {
			var list []kv.Event
			var err error
			if list, position, more, err = f.since(position, prefix); err != nil {
				t.Fatal(err)
			}
			if len(list) > 4 {
				t.Errorf("%q: %d events of 300 KiB at once", prefix, len(list))
			}
			seen += len(list)
		}
		if seen != want || position != events {
			t.Errorf("%q: %d events up to %d, want %d up to %d", prefix, seen, position, want, events)
		}
	}
}
