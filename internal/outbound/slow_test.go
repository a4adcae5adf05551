package outbound_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"minilab/internal/fault"
	"minilab/internal/outbound"
)

// lifetime asks who speaks over a pipe, within a bubble in which time passes
// when everybody waits, and gives how long that took and how it ended.
func lifetime(t *testing.T, speak func(c net.Conn)) (took time.Duration, got error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := client(t)
		c.DialBy(func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				defer theirs.Close()
				if _, err := http.ReadRequest(bufio.NewReader(theirs)); err == nil {
					speak(theirs)
				}
			}()
			return ours, nil
		})
		began := time.Now()
		_, _, got = read(t, c, "http://slow.test/")
		took = time.Since(began)
		c.Close()
		<-time.After(2 * time.Hour) // whoever still speaks has noticed by then
	})
	return took, got
}

// say writes a text, and then another one again and again after a pause, until
// nobody listens.
func say(text, again string, pause time.Duration) func(net.Conn) {
	return func(c net.Conn) {
		_, err := io.WriteString(c, text)
		for err == nil {
			<-time.After(pause)
			_, err = io.WriteString(c, again)
		}
	}
}

func TestSlowSourcesAreGivenUp(t *testing.T) {
	const header = "HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"
	for _, test := range []struct {
		name  string
		speak func(net.Conn)
		want  time.Duration
		err   error
	}{
		{"nothing", say("", "", time.Hour), 30 * time.Second, outbound.ErrUnreachable},
		{"half a header", say("HTTP/1.1 200 OK\r\n", "", time.Hour), 30 * time.Second, outbound.ErrUnreachable},
		{"a header line by line", say("HTTP/1.1 200 OK\r\n", "X: y\r\n", time.Second), 30 * time.Second, outbound.ErrUnreachable},
		{"advice again and again", say("", "HTTP/1.1 103 Early Hints\r\n\r\n", time.Second), 30 * time.Second, outbound.ErrUnreachable},
		{"no body", say(header, "", time.Hour), 30 * time.Second, outbound.ErrCut},
		{"half a body", say(header+"abc", "", time.Hour), 30 * time.Second, outbound.ErrCut},
		{"a byte now and then", say(header, "a", 20*time.Second), time.Minute, outbound.ErrCut},
		{"redirects again and again", say("HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", "", time.Hour), 0, outbound.ErrRefused},
		{"redirects that take their time", func(c net.Conn) {
			<-time.After(25 * time.Second)
			_, _ = io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		}, time.Minute, outbound.ErrUnreachable},
	} {
		if took, err := lifetime(t, test.speak); took != test.want || !errors.Is(err, test.err) {
			t.Errorf("%s: after %v %v, want after %v %v", test.name, took, err, test.want, test.err)
		} else if detail := fault.From(err).Detail; errors.Is(test.err, outbound.ErrUnreachable) && !strings.Contains(detail, "in time") {
			t.Errorf("%s: %s", test.name, detail)
		}
	}
}

func TestASourceThatIsSlowButNotTooSlow(t *testing.T) {
	took, err := lifetime(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
		for range 2 {
			<-time.After(29 * time.Second)
			_, _ = io.WriteString(c, "a")
		}
	})
	if err != nil || took != 58*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
}
