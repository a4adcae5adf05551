// Package wire is what a worker and an engine process say to each other over
// one SOCK_SEQPACKET socket, a message a packet:
//
//	engine → worker   Hello                           once, when it is ready
//	worker → engine   Job and memfds (SCM_RIGHTS)   the input, sealed; an empty one for each output; each attachment, sealed
//	engine → worker   Answer                          then the next Job
//
// A worker that closes the socket ends the process. Messages are JSON objects;
// whatever an engine process says is checked before it is used, since it has
// seen untrusted images.
package wire

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Version of the protocol. Both sides must speak the same.
const Version = 2

// FD is the descriptor at which an engine process inherits its socket.
const FD = 3

// MaxMessage is the largest message in bytes.
const MaxMessage = 64 << 10

// Hello is the first message of an engine process: it is ready.
type Hello struct {
	Protocol int      `json:"protocol"`
	Version  string   `json:"version"` // of minilab-engine
	Library  string   `json:"library"` // of libvips
	Formats  []string `json:"formats"` // content types that are read and written
	Walls    []string `json:"walls"`   // what is up, such as "landlock 7"; unsafe where one is missing
}

// Limits of one job.
const (
	MaxOutputs     = 16
	MaxAttachments = 16
)

// Job is one image and what shall become of it.
type Job struct {
	ID          uint64   `json:"id"`
	Outputs     []string `json:"outputs"`               // a pipeline for each, in canonical text
	Attachments []string `json:"attachments,omitempty"` // names of further images that operations ask for
	MaxPixels   int64    `json:"maxPixels"`             // width x height x pages, of the source and of all on the way
	MaxFrames   int      `json:"maxFrames"`             // of an animation
	MaxPages    int      `json:"maxPages"`              // of a document
	MaxOutput   int64    `json:"maxOutput"`             // bytes of one output
}

// Answer is what a job gave: results or a fault.
type Answer struct {
	ID      uint64   `json:"id"`
	Outputs []Output `json:"outputs,omitempty"` // as the job asked for them
	Facts   Facts    `json:"facts,omitzero"`
	Fault   *Fault   `json:"fault,omitempty"`
}

// Output is one result.
type Output struct {
	Size        int64     `json:"size"` // bytes written
	ContentType string    `json:"contentType"`
	Width       int       `json:"width"`
	Height      int       `json:"height"` // of one page
	Pages       int       `json:"pages"`
	Measured    *Measured `json:"measured,omitempty"` // by the operation facts
}

// Measured is what the operation facts has found out.
type Measured struct {
	BlurHash  string   `json:"blurhash,omitempty"`
	ThumbHash string   `json:"thumbhash,omitempty"` // base64
	PHash     string   `json:"phash,omitempty"`     // 16 hexadecimal digits
	Colours   []Colour `json:"colours,omitempty"`   // the most common first
}

// Colour is one of the dominant ones.
type Colour struct {
	Hex   string  `json:"hex"`   // rrggbb
	Share float64 `json:"share"` // of the pixels, 0 to 1
}

// Facts are what is known about the source.
type Facts struct {
	Format  string `json:"format"` // jpeg, png, webp, gif, tiff, avif
	Width   int    `json:"width"`
	Height  int    `json:"height"` // of one page
	Pages   int    `json:"pages"`
	Bits    int    `json:"bits"` // of one channel
	Bands   int    `json:"bands"`
	Quality int    `json:"quality,omitempty"` // estimated, of a JPEG
	Lane    string `json:"lane"`              // how the results were made: see package develop
	Profile string `json:"profile,omitempty"` // name of the colour profile

	Orientation int               `json:"orientation,omitempty"` // by Exif, 2 to 8; 0: upright
	Exif        map[string]string `json:"exif,omitempty"`        // some of it, by the names of the Exif standard
}

// Fault is why there is no result.
type Fault struct {
	Code   string `json:"code"` // one of package engine's, or internal
	Detail string `json:"detail"`
}

// Encode makes a message.
func Encode(v any) ([]byte, error) {
	data, err := json.Marshal(v)
	if err == nil && len(data) > MaxMessage {
		err = fmt.Errorf("wire: a message of %d bytes is over the limit", len(data))
	}
	return data, err
}

// Decode reads a message.
func Decode(data []byte, v any) error {
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("wire: not a message: %w", err)
	}
	return nil
}

// ExitMemory is the exit status of an engine process that ran out of memory.
const ExitMemory = 86

// Valid says whether results that an engine process announces, of so many
// wanted, can be some.
func (a Answer) Valid(wanted int) bool {
	f := a.Facts
	return contentTypes[f.Format] != "" && f.Width > 0 && f.Height > 0 && f.Pages > 0 && f.Bits > 0 && f.Bits <= 64 && f.Bands > 0 &&
		f.Quality >= 0 && f.Quality <= 100 && slices.Contains(lanes, f.Lane) && validTexts(f) &&
		len(a.Outputs) == wanted && !slices.ContainsFunc(a.Outputs, func(o Output) bool { return !o.valid() })
}

func (o Output) valid() bool {
	known := slices.Contains(slices.Collect(maps.Values(contentTypes)), o.ContentType)
	return known && o.Size > 0 && o.Width > 0 && o.Height > 0 && o.Pages > 0 && (o.Measured == nil || o.Measured.valid())
}

func (m *Measured) valid() bool {
	if len(m.Colours) > 16 || len(m.BlurHash)+len(m.ThumbHash)+len(m.PHash) > 512 {
		return false
	}
	for _, c := range m.Colours {
		if len(c.Hex) != 6 || c.Share < 0 || c.Share > 1 || !plain(c.Hex) {
			return false
		}
	}
	return plain(m.BlurHash) && plain(m.ThumbHash) && plain(m.PHash)
}

// validTexts says that what the source tells of itself is short and printable.
func validTexts(f Facts) bool {
	if len(f.Profile) > MaxFact || !plain(f.Profile) || len(f.Exif) > 64 {
		return false
	}
	for key, v := range f.Exif {
		if len(key)+len(v) > MaxFact || !plain(key) || !plain(v) {
			return false
		}
	}
	return true
}

// MaxFact is the longest text that a source may tell of itself, in bytes.
const MaxFact = 256

// plain says that a text is UTF-8 without control characters.
func plain(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

var contentTypes = map[string]string{
	"jpeg": "image/jpeg",
	"png":  "image/png",
	"webp": "image/webp",
	"gif":  "image/gif",
	"tiff": "image/tiff",
	"avif": "image/avif",
}

var lanes = []string{"copy", "palette", "coefficient", "pixels"}
