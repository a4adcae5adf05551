package lab

import (
	"strings"

	"github.com/google/uuid"

	"minilab/internal/fault"
	"minilab/internal/pipeline"
)

// WatermarkPrefix is where images to be laid over others are kept in the
// key-value store.
const WatermarkPrefix = "watermarks/"

// Limits of the further images that the operations of one task ask for.
const (
	MaxAttachments = 16
	MaxAttachment  = 100 << 20 // bytes of one
)

// ErrReference says that an image that an operation asks for is not there.
var ErrReference = fault.New(fault.Invalid, "unknown-reference", "an image that an operation asks for is not there")

// Attachment is a further image that an operation of the work asks for: an
// output of another task of the same owner, or an entry of the key-value store.
type Attachment struct {
	Name        string `json:"name"`                  // as the operation has it
	Key         string `json:"key,omitempty"`         // in state finished of the storage; else:
	Entry       string `json:"entry,omitempty"`       // a key of the key-value store
	URL         string `json:"url,omitempty"`         // for GET; empty when that service is not served
	ContentType string `json:"contentType,omitempty"` // of an output
	Size        int64  `json:"size,omitempty"`        // bytes of an output
	SHA256      string `json:"sha256,omitempty"`      // of an output, lower-case hex
}

// TaskReference is the task and the output that a name of an image means, if it
// is ID or ID/OUTPUT. Any other name is one under WatermarkPrefix.
func TaskReference(name string) (id, output string, ok bool) {
	id, output, named := strings.Cut(name, "/")
	const length = 36 // of the one form that IDs have
	return id, output, len(id) == length && uuid.Validate(id) == nil && named == (output != "")
}

// IsWatermarkName says that an image may be kept under WatermarkPrefix by this
// name, so that operations can ask for it.
func IsWatermarkName(name string) bool {
	if id, _, _ := strings.Cut(name, "/"); len(id) == len(uuid.Nil.String()) && uuid.Validate(id) == nil {
		return false
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return pipeline.IsReference(name)
}
