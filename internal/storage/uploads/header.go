package uploads

import (
	"encoding/base64"
	"net/http"
	"strings"
	"unicode/utf8"

	"minilab/internal/fault"
)

// Limits of what a client may say of an upload beside its bytes. A pipeline of
// the longest there is fits in, in base64.
const (
	maxMetadata      = 20 << 10 // bytes of the header
	maxMetadataNames = 64
)

// ParseMetadata reads the header Upload-Metadata: names, each with its value in
// base64 or alone. It is ErrMetadata for what tusd would leave out without a
// word, or could not keep as it is.
func ParseMetadata(header string) (map[string]string, error) {
	metadata := map[string]string{}
	if strings.TrimSpace(header) == "" {
		return metadata, nil
	}
	if len(header) > maxMetadata {
		return nil, ErrMetadata.Detailf("there are at most %d bytes of metadata", maxMetadata)
	}
	for item := range strings.SplitSeq(header, ",") {
		name, text, _ := strings.Cut(strings.TrimSpace(item), " ")
		if _, twice := metadata[name]; name == "" || twice {
			return nil, ErrMetadata.Detailf("each item has a name of its own; got %.40q twice, or without one", name)
		}
		value, err := base64.StdEncoding.DecodeString(text)
		if err != nil || !utf8.Valid(value) || !isVisible(name) {
			return nil, ErrMetadata.Detailf("of %.40q: a name is visible ASCII, its value base64 of UTF-8", name)
		}
		metadata[name] = string(value)
	}
	if len(metadata) > maxMetadataNames {
		return nil, ErrMetadata.Detailf("there are at most %d names", maxMetadataNames)
	}
	return metadata, nil
}

func isVisible(name string) bool {
	return !strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' })
}

// checkHeader holds a request's header to the protocol where tusd does not.
func checkHeader(h http.Header) error {
	for name, malformed := range map[string]*fault.Fault{"Upload-Offset": ErrOffset, "Upload-Length": ErrLength} {
		values := h.Values(name)
		if len(values) > 1 || len(values) == 1 && !isNumber(values[0]) {
			return malformed
		}
	}
	if len(h.Values("Upload-Metadata")) > 1 {
		return ErrMetadata.Detailf("there is one header of them")
	}
	_, err := ParseMetadata(h.Get("Upload-Metadata"))
	return err
}

// isNumber says that a text has digits and nothing else: no sign, which Go's
// parser would take.
func isNumber(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}
