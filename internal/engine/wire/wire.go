// Package wire is what a worker and an engine process say to each other over
// one SOCK_SEQPACKET socket, a message a packet:
//
//	engine → worker   Hello                           once, when it is ready
//	worker → engine   Job and two memfds (SCM_RIGHTS) the input, sealed, and the output, empty
//	engine → worker   Answer                          then the next Job
//
// A worker that closes the socket ends the process. Messages are JSON objects;
// whatever an engine process says is checked before it is used, since it has
// seen untrusted images.
package wire

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Version of the protocol. Both sides must speak the same.
const Version = 1

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
	Walls    []string `json:"walls"`   // what is up, such as "landlock 7"; empty when unsafe
}

// Job is one image and what shall become of it.
type Job struct {
	ID        uint64 `json:"id"`
	Pipeline  string `json:"pipeline"` // canonical text
	MaxPixels int64  `json:"maxPixels"`
	MaxOutput int64  `json:"maxOutput"`
}

// Answer is what a job gave: a result or a fault.
type Answer struct {
	ID          uint64 `json:"id"`
	Size        int64  `json:"size,omitempty"` // bytes written to the output
	ContentType string `json:"contentType,omitempty"`
	Facts       Facts  `json:"facts,omitzero"`
	Fault       *Fault `json:"fault,omitempty"`
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
	Lane    string `json:"lane"`              // how the result was made: pixels, palette, copy
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

// Valid says whether a result that an engine process announces can be one.
func (a Answer) Valid() bool {
	f := a.Facts
	contentType, ok := contentTypes[f.Format]
	return ok && a.ContentType == contentType && a.Size > 0 &&
		f.Width > 0 && f.Height > 0 && f.Pages > 0 && f.Bits > 0 && f.Bits <= 64 && f.Bands > 0 &&
		f.Quality >= 0 && f.Quality <= 100 && slices.Contains(lanes, f.Lane)
}

var contentTypes = map[string]string{
	"jpeg": "image/jpeg",
	"png":  "image/png",
	"webp": "image/webp",
	"gif":  "image/gif",
	"tiff": "image/tiff",
	"avif": "image/avif",
}

var lanes = []string{"copy", "palette", "pixels"}
