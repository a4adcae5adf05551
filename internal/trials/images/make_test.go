package images

import (
	"bytes"
	"compress/zlib"
	"io"
	"testing"
)

func TestZerosInflate(t *testing.T) {
	for _, n := range []int{0, 1, 1<<20 - 1, 1 << 20, 3<<20 + 5} {
		r, err := zlib.NewReader(bytes.NewReader(zeros(n)))
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(data, make([]byte, n)) {
			t.Errorf("%d zeros are %d bytes, %v", n, len(data), err)
		}
	}
}

// TestTheSameForTheSameSeed: what a trial has found can be found again.
func TestTheSameForTheSameSeed(t *testing.T) {
	a, b, other := Hostile(7, 1000), Hostile(7, 1000), Hostile(8, 1000)
	if len(a) != 1000 {
		t.Fatalf("%d images", len(a))
	}
	same, different := true, 0
	kinds := map[string]int{}
	for i := range a {
		kinds[a[i].Kind]++
		if a[i].Kind != "bomb" { // some are large
			same = same && a[i].String() == b[i].String() && bytes.Equal(a[i].Data(), b[i].Data())
		}
		if a[i].String() != other[i].String() {
			different++
		}
	}
	if !same || different < 500 || len(kinds) != 8 {
		t.Errorf("same %v, %d different with another seed, kinds %v", same, different, kinds)
	}
}

// TestSeedsAreOfTheirFormat: each format's magic is known from the others.
func TestSeedsAreOfTheirFormat(t *testing.T) {
	seen := map[string]int{}
	for _, s := range Seeds() {
		seen[s.Format]++
		if n := len(fields[s.Format](s.Data)); n < 8 {
			t.Errorf("%s has %d fields", s.Name, n)
		}
	}
	for _, format := range []string{"jpeg", "png", "gif", "webp", "tiff", "avif"} {
		if seen[format] < 2 {
			t.Errorf("%d seeds are %s", seen[format], format)
		}
	}
}
