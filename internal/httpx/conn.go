package httpx

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A process takes at most maxConns connections, and fewer where it may open few
// files: each connection may need up to connFiles of them (itself, a file or a
// connection to the next service), and spareFiles are for everything else.
const (
	maxConns   = 10_000
	connFiles  = 3
	spareFiles = 64
)

// tooMany is what one connection too many is told before it is closed. Nothing
// is read of it, so it has no request that could be answered properly.
const tooMany = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n" +
	"Retry-After: 1\r\nConnection: close\r\n\r\n" +
	`{"type":"/problems/connections","title":"there are too many connections; try again","status":503,"code":"connections"}` + "\n"

// Connections counts the files that the connections of a process may need, of
// all its listeners together, so that there are always some left for those who
// are served.
type Connections struct {
	max  int64 // files
	open atomic.Int64
}

// NewConnections makes the count for this process.
func NewConnections() *Connections {
	return &Connections{max: connLimit(fileLimit()) * connFiles}
}

// connLimit is how many connections there may be with so many files.
func connLimit(files uint64) int64 {
	const least = spareFiles + connFiles*16
	return int64(min((max(files, least)-spareFiles)/connFiles, maxConns))
}

// fileLimit is how many files this process may open; the runtime has raised it
// as far as it may.
func fileLimit() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return limit.Cur
}

// Listener is l with the limit, and with one on how long an answer may wait for
// its reader.
func (c *Connections) Listener(l net.Listener) net.Listener { return &listener{l, c} }

type listener struct {
	net.Listener
	count *Connections
}

// Accept implements net.Listener.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.count.open.Add(connFiles) <= l.count.max {
			return &conn{Conn: c, count: l.count, files: connFiles}, nil
		}
		l.count.open.Add(-connFiles)
		refuse(c)
	}
}

// refuse must not wait for anybody: a few bytes fit into any new connection.
func refuse(c net.Conn) {
	_ = c.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(c, tooMany) // who does not listen is not told
	_ = c.Close()
}

// conn is a connection whose answers are not waited for without end: where the
// handler has set no deadline of its own, each write has the time of readerTime
// and readerRate.
type conn struct {
	net.Conn
	count *Connections
	set   atomic.Bool // the handler has set a deadline

	mu    sync.Mutex
	files int64 // that it counts for; 0: it is closed
}

type connKey struct{}

// weigh has the connection count for so many files, unless it is closed.
func (c *conn) weigh(files int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files > 0 {
		c.count.open.Add(files - c.files)
		c.files = files
	}
}

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(at time.Time) error {
	c.set.Store(!at.IsZero())
	return c.Conn.SetWriteDeadline(at)
}

// Write implements io.Writer.
func (c *conn) Write(p []byte) (int, error) {
	if c.set.Load() {
		return c.Conn.Write(p)
	}
	if err := c.Conn.SetWriteDeadline(time.Now().Add(readerPatience(int64(len(p))))); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// ReadFrom implements io.ReaderFrom, so that files go out by sendfile.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	if to, ok := c.Conn.(io.ReaderFrom); ok && c.set.Load() && isFile(r) {
		return to.ReadFrom(r)
	}
	return copyWide(c, r)
}

// CloseWrite lets a refusal be read before the connection ends.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close implements io.Closer.
func (c *conn) Close() error {
	c.weigh(0)
	return c.Conn.Close()
}
