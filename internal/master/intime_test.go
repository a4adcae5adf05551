package master

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// TestTheTimeOfTheLastByteCounts, not that of the first: a slow upload is no
// late task. Whether there are more bytes may be asked long after.
func TestTheTimeOfTheLastByteCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := watch(iotest.OneByteReader(strings.NewReader("abc")))
		var one [1]byte
		for range 3 {
			time.Sleep(time.Hour)
			if _, err := io.ReadFull(w, one[:]); err != nil {
				t.Fatal(err)
			}
		}
		last := time.Now()
		time.Sleep(time.Hour)
		if _, err := w.Read(one[:]); err != io.EOF { //nolint:errorlint // the reader's own
			t.Fatal(err)
		}
		if got := *w.last.Load(); !got.Equal(last) || elapsed(got) != time.Hour {
			t.Errorf("the last byte came at %v, want %v", got, last)
		}
	})
}
