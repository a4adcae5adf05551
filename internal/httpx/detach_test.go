package httpx

import (
	"net"
	"testing"
)

// TestDetachedConnections count for themselves only, and no more once they are
// closed.
func TestDetachedConnections(t *testing.T) {
	count := &Connections{max: 1 << 20}
	count.open.Add(2 * connFiles)
	one, other := net.Pipe()
	a := &conn{Conn: one, count: count, files: connFiles}
	b := &conn{Conn: other, count: count, files: connFiles}
	a.weigh(1)
	b.weigh(1)
	if n := count.open.Load(); n != 2 {
		t.Errorf("two that are detached count for %d files", n)
	}
	b.Close()
	b.weigh(connFiles)
	b.Close()
	if n := count.open.Load(); n != 1 {
		t.Errorf("one that is detached and one that is closed count for %d files", n)
	}
}
