package uploads_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"minilab/internal/storage/uploads"
)

// TestNumbersHaveNoSign: an offset or a length is digits.
func TestNumbersHaveNoSign(t *testing.T) {
	each(t, nil, func(p *place) {
		for _, length := range []string{"+3", "-0", "3 3", "0x3", "٣"} {
			if r := p.call("POST", uploads.PublicPath, nil, "Upload-Length", length); r.status != 400 || r.code != "invalid-upload-length" {
				t.Errorf("the length %q: %d %s", length, r.status, r.code)
			}
		}
		path := p.create("Upload-Length", "3")
		for _, offset := range []string{"+0", "-0", "0.", "0 0"} {
			r := p.call("PATCH", path, strings.NewReader("abc"), "Upload-Offset", offset, "Content-Type", "application/offset+octet-stream")
			if r.status != 400 || r.code != "invalid-upload-offset" {
				t.Errorf("the offset %q: %d %s", offset, r.status, r.code)
			}
		}
		p.at(path, 0)
		p.patch(path, 0, strings.NewReader("abc"))
		p.has(path, []byte("abc"))
	})
}

// names are so many items of metadata.
func names(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("n%d YQ==", i)
	}
	return strings.Join(list, ",")
}

// TestMetadataThatIsNone is refused, and not left out.
func TestMetadataThatIsNone(t *testing.T) {
	long := base64.StdEncoding.EncodeToString(make([]byte, 15<<10))
	each(t, nil, func(p *place) {
		for _, bad := range []string{
			"pipeline !!!", "pipeline c3dhcA", "pipeline c3dhcA== x", "a YQ==,,b YQ==", "a YQ==,", "a YQ==,a Yg==", "ä YQ==", "a /w==", "a " + long, names(65),
		} {
			if r := p.call("POST", uploads.PublicPath, nil, "Upload-Length", "3", "Upload-Metadata", bad); r.status != 400 || r.code != "invalid-upload-metadata" {
				t.Errorf("%.40q: %d %s", bad, r.status, r.code)
			}
		}
		for good, count := range map[string]int{"a": 1, "a ,b": 2, " a YQ== , b YQ==": 2, names(64): 64, "a " + long[:16<<10]: 1} {
			path := p.create("Upload-Length", "3", "Upload-Metadata", good)
			p.patch(path, 0, strings.NewReader("abc"))
			f, err := p.uploads.Open(t.Context(), "me", idOf(path))
			if err != nil {
				t.Fatal(err)
			}
			f.Body.Close()
			if len(f.Metadata) != count {
				t.Errorf("%.40q: %d names are kept, want %d", good, len(f.Metadata), count)
			}
		}
	})
}
