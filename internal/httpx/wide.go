package httpx

import (
	"io"
	"net"
	"os"
	"sync"
)

// Bodies are passed on in pieces of widePiece, so that a fast one costs an
// eighth of the system calls that it would in net/http's 32 KB; but only so
// many at once, for a slow one keeps its piece as long as it lasts.
const (
	widePiece = 256 << 10
	wideMost  = 64
)

var (
	widePieces = sync.Pool{New: func() any { return new([widePiece]byte) }}
	wideTurns  = make(chan struct{}, wideMost)
)

// copyWide copies r to a connection.
func copyWide(to io.Writer, r io.Reader) (int64, error) {
	select {
	case wideTurns <- struct{}{}:
		defer func() { <-wideTurns }()
	default:
		return io.Copy(struct{ io.Writer }{to}, r)
	}
	piece := widePieces.Get().(*[widePiece]byte)
	defer widePieces.Put(piece)
	return io.CopyBuffer(struct{ io.Writer }{to}, r, piece[:])
}

// isFile says whether r is a file, or a part of one, that the kernel can send.
func isFile(r io.Reader) bool {
	if part, ok := r.(*io.LimitedReader); ok {
		r = part.R
	}
	_, ok := r.(*os.File)
	return ok
}

// wideConn is a connection to another service.
type wideConn struct{ net.Conn }

// ReadFrom implements io.ReaderFrom: the transport sends bodies by it.
func (c wideConn) ReadFrom(r io.Reader) (int64, error) {
	if to, ok := c.Conn.(io.ReaderFrom); ok && isFile(r) {
		return to.ReadFrom(r)
	}
	return copyWide(c.Conn, r)
}
