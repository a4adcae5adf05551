package develop_test

import (
	"testing"

	"minilab/internal/develop/corpus"
)

// TestIPTCStaysReadable: the records of a TIFF are in a JPEG where its readers
// look for them, with and without the place.
func TestIPTCStaysReadable(t *testing.T) {
	m := corpus.Named(corpus.Traced(), "tiff with traces, LittleEndian")
	for pipeline, places := range map[string]int{"jpeg": 1, "strip:gps/jpeg": 0} {
		out, _ := run(t, m.Data, pipeline)
		c, err := corpus.Read(out)
		if err != nil {
			t.Fatal(err)
		}
		if len(corpus.Found(c.IPTC, corpus.Rights())) != 1 || len(corpus.Found(c.IPTC, corpus.Places())) != places {
			t.Errorf("%s: the records are %q", pipeline, c.IPTC)
		}
	}
}
