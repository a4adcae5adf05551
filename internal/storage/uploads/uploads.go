// Package uploads takes images in piece by piece, by tus 1.0
// (https://tus.io/protocols/resumable-upload), so that whoever is cut off goes
// on where they were, through any frontend. The protocol is tusd's; what is
// kept, and how durably, is this package's:
//
//	DIR/uploads/ID         the bytes so far
//	DIR/uploads/ID.json    what is known of them: length, metadata, owner
//
// # Promises
//
// An offset that was told is durable: bytes are on the disk before the answer to
// the PATCH that brought them, and before a HEAD counts them. Bytes that came
// with a checksum count only once it was right.
//
// One request at a time works on an upload, whichever frontend it came by: it
// holds a lease in the key-value store (package kvlock), is asked to let go by
// the next one, and writes nothing any more once the lease may be another's.
//
// An upload belongs to an owner, which is not part of its metadata. To others
// it is not there. Without progress it is removed after a while.
package uploads

import (
	"context"
	"io"
	"net/http"

	"minilab/internal/fault"
)

// Headers that are not of the protocol.
const (
	HeaderTask     = "Minilab-Task"     // the task that was made of the upload
	HeaderFinished = "Minilab-Finished" // to frontends only: the ID of an upload whose bytes have all come, and which is no task yet
)

// PublicPath begins the paths that are told to clients: the frontends'.
const PublicPath = "/api/v1/uploads/"

// Limits that hold everywhere.
const (
	MaxOpen = 1000 // uploads of one owner that are not tasks yet
	idSize  = 26   // characters
)

// Faults of uploads. Those of the requests' headers are in faults.go.
var (
	ErrNotFound   = fault.New(fault.NotFound, "not-found", "not found")
	ErrExpired    = fault.New(fault.Gone, "upload-expired", "the upload has expired")
	ErrUnfinished = fault.New(fault.Conflict, "upload-unfinished", "not all bytes of the upload have come")
	ErrTooMany    = fault.New(fault.TooMany, "too-many-uploads", "too many uploads are open")
	ErrChecksum   = fault.New(fault.Mismatch, "checksum-mismatch", "the bytes are not those of the checksum, and were thrown away")
	ErrDisk       = fault.New(fault.Unavailable, "disk-failed", "the storage's disk failed to write")
)

// Call is what a frontend adds to a request of a client.
type Call struct {
	ID       string // of the upload; empty: of none yet
	Owner    string // who calls
	MaxBytes int64  // of a new upload; 0: no limit
}

// Uploads is what frontends ask of a storage, their own process's or another.
type Uploads interface {
	// Serve answers a request of the tus protocol, or returns an error before
	// anything was written.
	Serve(w http.ResponseWriter, r *http.Request, c Call) error

	// Open gives an upload that is finished. It is ErrNotFound, also for another
	// owner's, ErrExpired, or ErrUnfinished.
	Open(ctx context.Context, owner, id string) (Finished, error)

	// Done gives up the bytes of an upload of which a task was made. Which one it
	// was is told until the upload expires, and never changes. Of what is not
	// there, nothing is given up.
	Done(ctx context.Context, owner, id, task string) error
}

// Finished is an upload all of whose bytes have come.
type Finished struct {
	Body     io.ReadCloser // nil once there is a task
	Size     int64
	Metadata map[string]string // what the client has said of it
	Task     string            // that was made of it, or empty
}

func validID(id string) bool {
	for _, c := range id {
		if (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return len(id) == idSize
}
