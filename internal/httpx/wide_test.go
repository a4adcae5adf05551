package httpx

import (
	"bytes"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
)

// pieces reads so many bytes and notes by how many it was asked for.
type pieces struct {
	r     io.Reader
	asked []int
}

func (p *pieces) Read(b []byte) (int, error) {
	p.asked = append(p.asked, len(b))
	return p.r.Read(b)
}

// sent is a connection that keeps what is written, and notes what it is told to
// send by itself.
type sent struct {
	net.Conn
	bytes.Buffer
	from []io.Reader
}

func (s *sent) Write(p []byte) (int, error) { return s.Buffer.Write(p) }

func (s *sent) Read(p []byte) (int, error) { return s.Buffer.Read(p) }

func (s *sent) ReadFrom(r io.Reader) (int64, error) {
	s.from = append(s.from, r)
	return s.Buffer.ReadFrom(r)
}

func TestBodiesGoInWidePieces(t *testing.T) {
	data := bytes.Repeat([]byte("abc"), widePiece)
	for _, turns := range []int{0, wideMost - 1, wideMost} {
		for range turns {
			wideTurns <- struct{}{}
		}
		from, to := &pieces{r: bytes.NewReader(data)}, &sent{}
		n, err := wideConn{to}.ReadFrom(from)
		if err != nil || n != int64(len(data)) || !bytes.Equal(to.Bytes(), data) || len(to.from) > 0 {
			t.Errorf("%d others: sent %d of %d bytes, %v", turns, n, len(data), err)
		}
		if wide := from.asked[0] == widePiece; wide != (turns < wideMost) {
			t.Errorf("%d others: in pieces of %d", turns, from.asked[0])
		}
		if len(wideTurns) != turns {
			t.Errorf("%d others: %d afterwards", turns, len(wideTurns))
		}
		for range turns {
			<-wideTurns
		}
	}
}

// TestFilesAreLeftToTheKernel by connections of both kinds; a served one must
// have a deadline.
func TestFilesAreLeftToTheKernel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, conn := range map[string]func(to *sent) io.ReaderFrom{
		"to a service": func(to *sent) io.ReaderFrom { return wideConn{to} },
		"served": func(to *sent) io.ReaderFrom {
			c := &conn{Conn: to}
			c.set.Store(true)
			return c
		},
	} {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		to := &sent{}
		for _, r := range []io.Reader{&io.LimitedReader{R: f, N: 4}, f} {
			if _, err := conn(to).ReadFrom(r); err != nil {
				t.Error(err)
			}
		}
		if len(to.from) != 2 || to.String() != "0123456789" {
			t.Errorf("%s: %d of 2 are left to it, sent is %q", name, len(to.from), to.String())
		}
	}
}
