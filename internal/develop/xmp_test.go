package develop

import "testing"

// TestPlaceInXMP: what is in a place goes with it, and the rest stays XML.
func TestPlaceInXMP(t *testing.T) {
	const head, tail = `<rdf:Description xmlns:I="i" xmlns:dc="d" xmlns:p="p">`, `<dc:rights>me</dc:rights></rdf:Description>`
	for name, place := range map[string]string{
		"none":      ``,
		"alone":     `<I:Sublocation>a</I:Sublocation><p:City>b</p:City><I:WorldRegion>c</I:WorldRegion><p:State/>`,
		"in one":    `<I:LocationCreated><I:City>a</I:City><I:ProvinceState>b</I:ProvinceState></I:LocationCreated>`,
		"attribute": `<dc:x I:Sublocation="a" p:State='b'/>`,
	} {
		want := head + tail
		if name == "attribute" {
			want = head + `<dc:x/>` + tail
		}
		if got := string(withoutGPSinXMP([]byte(head + place + tail))); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	for name, xmp := range map[string]string{
		"a list": head + `<I:LocationShown><rdf:Bag><rdf:li><I:City>a</I:City></rdf:li></rdf:Bag></I:LocationShown>` + tail,
		"wide":   "\xff\xfe<\x00a\x00/\x00>\x00",
	} {
		if got := withoutGPSinXMP([]byte(xmp)); got != nil {
			t.Errorf("%s: %s", name, got)
		}
	}
}
