package clients

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"minilab/internal/trials"
)

// tlsHello is how a client of HTTPS begins.
var tlsHello = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + many("\x00", 600)

// malformed are requests that nobody should send and what may be answered; 0 is
// the end of the connection.
var malformed = []struct {
	name, text string
	allowed    []int
}{
	{"no host", "GET /livez HTTP/1.1\r\n\r\n", []int{400}},
	{"two hosts", request("GET", "/livez", "Host: b"), []int{400}},
	{"an empty host", "GET /livez HTTP/1.1\r\nHost:\r\n\r\n", []int{200}},
	{"a host that is none", "GET /livez HTTP/1.1\r\nHost: a b\r\n\r\n", []int{400}},
	{"HTTP/1.0", "GET /livez HTTP/1.0\r\n\r\n", []int{200}},
	{"HTTP/0.9", "GET /livez\r\n\r\n", []int{400}},
	{"HTTP/3.7", "GET /livez HTTP/3.7\r\nHost: x\r\n\r\n", []int{505}},
	{"no version", "GET /livez HTTP/\r\n\r\n", []int{400}},
	{"the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{400, 404, 405, 505}},
	{"an upgrade to HTTP/2", request("GET", "/livez", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"), []int{200}},
	{"a TLS hello", tlsHello + "\r\n\r\n", []int{400}}, // without an end of line it is a slow header
	{"nothing but NUL", many("\x00", 4096) + "\r\n\r\n", []int{400}},
	{"empty lines", many("\r\n", 1000) + request("GET", "/livez"), []int{200, 400}},
	{"CONNECT", "CONNECT other:80 HTTP/1.1\r\nHost: other:80\r\n\r\n", []int{403}},
	{"TRACE", request("TRACE", "/livez", "Cookie: secret=1"), []int{405}},
	{"OPTIONS *", request("OPTIONS", "*"), []int{404, 405}},
	{"GET *", request("GET", "*"), []int{400, 404}},
	{"a method of its own", request("BREW", "/livez"), []int{405}},
	{"a method of 1 MiB", request(many("A", 1<<20), "/livez"), []int{431}},
	{"a method in quotes", request(`"GET"`, "/livez"), []int{400}},
	{"an absolute target", request("GET", "http://other/livez"), []int{200, 400}},
	{"a target of another scheme", request("GET", "gopher://other/livez"), []int{200, 400}},
	{"a target without a slash", request("GET", "livez"), []int{400}},
	{"a target with a bad escape", request("GET", "/%zz"), []int{400}},
	{"a target with NUL", request("GET", "/\x00"), []int{400}},
	{"a target with steps", request("GET", "/../../../etc/passwd"), []int{404}},
	{"a target of 1 MiB", request("GET", "/"+many("a", 1<<20)), []int{431}},
	{"100,000 parameters", request("GET", "/livez?"+many("a=1&", 100_000)), []int{431}},
	{"8,000 parameters", request("GET", "/livez?"+many("a=1&", 8000)), []int{200}},
	{"a header of 1 MiB", request("GET", "/livez", "X: "+many("a", 1<<20)), []int{431}},
	{"10,000 headers", request("GET", "/livez", many("X: y\r\n", 9999)+"X: y"), []int{431}},
	{"a name of 1 MiB", request("GET", "/livez", many("a", 1<<20)+": x"), []int{431}},
	{"a header without a name", request("GET", "/livez", ": x"), []int{400}},
	{"a header without a colon", request("GET", "/livez", "nonsense"), []int{400}},
	{"a space before the colon", request("GET", "/livez", "Content-Length : 5"), []int{400}},
	{"a folded header", request("GET", "/livez", "X: a\r\n b"), []int{200, 400}},
	{"NUL in a header", request("GET", "/livez", "X: a\x00b"), []int{400}},
	{"CR in a header", request("GET", "/livez", "X: a\rY: b"), []int{400}},
	{"bare LF", "GET /livez HTTP/1.1\nHost: x\n\n", []int{200, 400}},
	{"a length that is negative", request("GET", "/livez", "Content-Length: -1"), []int{400}},
	{"a length with a sign", request("GET", "/livez", "Content-Length: +5"), []int{400}},
	{"a length beyond all numbers", request("GET", "/livez", "Content-Length: 99999999999999999999"), []int{400}},
	{"two lengths", request("GET", "/livez", "Content-Length: 5", "Content-Length: 6"), []int{400}},
	{"a coding of its own", request("GET", "/livez", "Transfer-Encoding: rot13"), []int{501}},
	{"two codings", request("GET", "/livez", "Transfer-Encoding: gzip, chunked"), []int{501}},
	{"chunked twice", request("GET", "/livez", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"), []int{400, 501}},
	{"an expectation of its own", request("GET", "/livez", "Expect: miracles"), []int{417}},
	{"codings that it accepts", request("GET", "/livez", "Accept-Encoding: \x7f,;q=,br;q=9e99,*;q=-1,"+many("gzip,", 1000)), []int{200, 400}},
	{"1,000 ranges", request("GET", "/livez", "Range: bytes="+many("0-0,", 1000)+"1-1"), []int{200}},
	{"a request ID of 10 KiB", request("GET", "/livez", "X-Request-Id: "+many("a", 10<<10)), []int{200}},
}

func TestMalformedRequests(t *testing.T) {
	l := newLab(t, trials.SixProcesses, 0)
	check := watch(t, l, listeners...)
	stop := serve(t, l)
	for _, service := range listeners {
		for _, m := range malformed {
			start := time.Now()
			a := tell(t, address(l, service), m.text)
			if took := time.Since(start); took > 8*time.Second {
				t.Errorf("%s, %s: answered after %v", service, m.name, took)
			}
			if !slices.Contains(m.allowed, a.status) {
				t.Errorf("%s, %s: answered %d %.100q, want one of %v", service, m.name, a.status, a.body, m.allowed)
			}
		}
		alive(t, l, service)
	}
	stop()
	check(24, 8)
}

// TestPipelines sends a thousand requests at once and reads the answers only
// then: they come all, in their order.
func TestPipelines(t *testing.T) {
	const requests = 1000
	l := newLab(t, trials.SixProcesses, 0)
	check := watch(t, l, listeners...)
	for _, service := range listeners {
		text := ""
		for i := range requests {
			text += request("GET", fmt.Sprintf("/nowhere/%d", i), fmt.Sprintf("X-Request-Id: r%d", i))
		}
		c := dial(t, address(l, service))
		go func() { _, _ = io.WriteString(c, text) }()
		answers := bufio.NewReader(c)
		for i := range requests {
			a, err := hearFrom(answers)
			if err != nil || a.status != 404 || a.header.Get("X-Request-Id") != fmt.Sprintf("r%d", i) {
				t.Errorf("%s answers request %d with %d %v: %v", service, i, a.status, a.header, err)
				break
			}
		}
		c.Close()
	}
	check(24, 8)
}
