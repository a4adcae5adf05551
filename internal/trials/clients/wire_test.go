package clients

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"minilab/internal/trials"
)

// answer is what came back: the status (0: the connection ended without an
// answer), the problem's code if any, and how long it took.
type answer struct {
	status int
	header http.Header
	body   string
}

// hear reads an answer, passing over informational ones.
func hear(c net.Conn) (answer, error) {
	_ = c.SetReadDeadline(time.Now().Add(15 * time.Second))
	return hearFrom(bufio.NewReader(c))
}

func hearFrom(r *bufio.Reader) (answer, error) {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body)}, err
}

// tell sends text over a new connection and gives the answer. Who is answered
// before it has sent everything may find the connection gone.
func tell(t testing.TB, addr, text string) answer {
	t.Helper()
	c := dial(t, addr)
	defer c.Close()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = io.WriteString(c, text)
	}()
	a, err := hear(c)
	c.Close()
	<-sent
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s leaves %.60q without an answer", addr, text)
	}
	return a
}

// alive says that a listener still serves.
func alive(t testing.TB, l *trials.Lab, service string) {
	t.Helper()
	if a := tell(t, address(l, service), "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); a.status != 200 {
		t.Errorf("%s is answered %d %s", service, a.status, a.body)
	}
}

// request is a well-formed request without a body.
func request(method, target string, header ...string) string {
	text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n", method, target)
	for _, h := range header {
		text += h + "\r\n"
	}
	return text + "\r\n"
}

// many is text repeated.
func many(text string, n int) string { return strings.Repeat(text, n) }
