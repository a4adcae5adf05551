package develop_test

import (
	"slices"
	"strings"
	"testing"

	"minilab/internal/develop/corpus"
)

// traced are the images that tell of their makers, in every format that the
// library reads: an AVIF, and a WebP with loss, are made by it from a JPEG.
func traced(tb testing.TB) []*corpus.Image {
	tb.Helper()
	all := corpus.Traced()
	for _, from := range []string{"jpeg with traces, BigEndian", "jpeg with traces and a profile, LittleEndian"} {
		m := corpus.Named(all, from)
		for format, pipeline := range map[string]string{"avif": "avif:60", "webp": "webp:80"} {
			out, _ := run(tb, m.Data, pipeline)
			more := *m
			more.Name, more.Format, more.Data = format+" with loss of "+m.Name, format, out
			more.Near = corpus.Tolerance{Mean: 8, Max: 60}
			all = append(all, &more)
		}
	}
	return all
}

// TestStrippedImagesTellNothing reads the bytes of what comes out, and walks
// through its container.
func TestStrippedImagesTellNothing(t *testing.T) {
	everything := slices.Concat(corpus.Places(), corpus.Persons(), corpus.Rights())
	for _, c := range []struct {
		strip    string
		gone     []corpus.Trace
		stays    []corpus.Trace // where the library reads and writes Exif: not in GIF and TIFF
		anything bool           // but what was removed may be there
	}{
		{"strip", everything, nil, false},
		{"strip:copyright", slices.Concat(corpus.Places(), withoutArtist(corpus.Persons())), corpus.Rights(), true},
		{"strip:gps", corpus.Places(), nil, true},
	} {
		for _, to := range []string{"", "/swap", "/jpeg:90", "/png", "/webp:80", "/webp:lossless", "/tiff", "/avif:60", "/gif", "/resize:30/webp:80"} {
			for _, m := range traced(t) {
				t.Run(c.strip+to+" of "+m.Name, func(t *testing.T) {
					out, _ := run(t, m.Data, c.strip+to)
					if found := corpus.Found(out, c.gone); found != nil {
						t.Errorf("it still tells %s", strings.Join(found, ", "))
					}
					_, is := view(t, out)
					if !c.anything && (is.Kinds() != 0 && !harmlessExif(is) || len(is.Others) > 0 || is.Orientation > 1) {
						t.Errorf("it still has %v: Exif %q, XMP %q, texts %q, orientation %d, others %v",
							is.Kinds(), is.Exif, is.XMP, is.Texts, is.Orientation, is.Others)
					}
					if c.stays != nil && m.Meta&corpus.Exif != 0 && is.Format != "gif" && is.Format != "tiff" && m.Format != "tiff" && corpus.Found(m.Data, c.stays) != nil && corpus.Found(out, c.stays) == nil {
						t.Error("the copyright is gone")
					}
				})
			}
		}
	}
}

// withoutArtist are the traces but the artist, who stays with the copyright.
func withoutArtist(traces []corpus.Trace) []corpus.Trace {
	return slices.DeleteFunc(slices.Clone(traces), func(t corpus.Trace) bool { return t.What == "artist" })
}

// harmlessExif says that the only metadata is an Exif block that the library
// makes by itself: resolution, its version, size, colour space.
func harmlessExif(c *corpus.Contents) bool {
	return c.Kinds() == corpus.Exif && c.Format != "tiff" && len(c.Exif) < 250
}

// TestTracesAreThere is the check of the check above: what strip is to remove is
// there, and would be found.
func TestTracesAreThere(t *testing.T) {
	for _, m := range corpus.Traced() {
		if found := corpus.Found(m.Data, corpus.Places()); m.Meta&(corpus.Exif|corpus.XMP) != 0 && len(found) < 2 {
			t.Errorf("%s tells %q only", m.Name, found)
		}
		if found := corpus.Found(m.Data, corpus.Persons()); found == nil {
			t.Errorf("%s tells nothing of persons", m.Name)
		}
	}
}
