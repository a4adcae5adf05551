package clients

import (
	"bufio"
	"bytes"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"minilab/internal/trials"
)

// maxBytes is --max-bytes of these labs.
const maxBytes = 1 << 20

// takers are where each service takes a body.
var takers = map[string]string{
	"frontend": "/newImage", "kv": "/kv/trials/body", "storage": "/images/inProgress/body", "taskdb": "/tasks/body", "master": "/newImage",
}

// largePNG is an image of more than maxBytes.
func largePNG(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, trials.Noise(800, 700)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func chunk(data string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(data), data) }

// kept are the images that lie in a lab's storage, drafts included.
func kept(t *testing.T, l *trials.Lab) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(filepath.Join(l.Dir, "data"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.Contains(path, ".db") && !strings.HasSuffix(path, ".lock") {
			names = append(names, path)
		}
		return nil // what is removed meanwhile is not there
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestMalformedBodies(t *testing.T) {
	l := newLab(t, trials.SixProcesses, 0, "--max-bytes", "1MiB")
	image := string(trials.PNG(16, 16, 1))
	empty := kept(t, l)
	check := watch(t, l, listeners[:5]...)
	const chunked = "Transfer-Encoding: chunked"
	for _, c := range []struct {
		name, header, body string
		cut                bool // the client says that no more comes
		allowed            []int
	}{
		{"a body that is cut", "Content-Length: 5000", image, true, []int{400}},
		{"chunks that are cut", chunked, chunk(image), true, []int{400}},
		{"a chunk that is cut", chunked, "ffff\r\n" + image, true, []int{400}},
		{"a size that is none", chunked, "xyz\r\nabc\r\n0\r\n\r\n", false, []int{400}},
		{"a size that is negative", chunked, "-5\r\nabc\r\n0\r\n\r\n", false, []int{400}},
		{"a size beyond all numbers", chunked, "fffffffffffffffff\r\nabc", false, []int{400}},
		{"a size of 2^63", chunked, "8000000000000000\r\nabc", true, []int{400}},
		{"a size in front of nothing", chunked, "5\r\n", true, []int{400}},
		{"a chunk that is longer than it says", chunked, "2\r\nabcdef\r\n0\r\n\r\n", false, []int{400}},
		{"an extension without end", chunked, "5;" + many("a", 1<<20), true, []int{400}},
		{"extensions of every byte", chunked, many("1;"+many("a", 1000)+"\r\nx\r\n", 200), true, []int{400, 415}},
		{"a trailer without end", chunked, chunk(image) + "0\r\n" + many("X: y\r\n", 100_000), true, []int{400}},
		{"a trailer that is none", chunked, chunk(image) + "0\r\nnonsense\r\n\r\n", true, []int{400}},
	} {
		for service, path := range takers {
			conn := dial(t, address(l, service))
			go func() {
				_, _ = io.WriteString(conn, request("POST", path, c.header)+c.body)
				if c.cut {
					_ = conn.CloseWrite()
				}
			}()
			a, err := hear(conn)
			if !slices.Contains(c.allowed, a.status) {
				t.Errorf("%s, %s: answered %d %.150q (%v), want one of %v", service, c.name, a.status, a.body, err, c.allowed)
			}
			conn.Close()
		}
	}
	for _, service := range listeners {
		alive(t, l, service)
	}
	check(24, 8)
	within(t, 5*time.Second, "no drafts are left", func() bool { return slices.Equal(kept(t, l), empty) })
}

// TestEndlessBody sends a picture and then never stops.
func TestEndlessBody(t *testing.T) {
	l := newLab(t, trials.SixProcesses, 0, "--max-bytes", "1MiB")
	empty := kept(t, l)
	check := watch(t, l, "frontend", "master", "storage")
	conn := dial(t, address(l, "frontend"))
	sent := make(chan int)
	go func() {
		n, err := io.WriteString(conn, request("POST", "/newImage", "Transfer-Encoding: chunked")+chunk(string(largePNG(t))))
		for err == nil {
			var more int
			more, err = io.WriteString(conn, chunk(many("x", 64<<10)))
			n += more
		}
		sent <- n
	}()
	if a, err := hear(conn); a.status != 413 {
		t.Errorf("answered %d %s: %v", a.status, a.body, err)
	}
	conn.Close()
	if n := <-sent; n > 16*maxBytes {
		t.Errorf("%d bytes went", n)
	}
	check(24, 8)
	within(t, 5*time.Second, "no draft is left", func() bool { return slices.Equal(kept(t, l), empty) })
	serve(t, l)()
}

// TestSmuggledRequests checks that a body has one end only.
func TestSmuggledRequests(t *testing.T) {
	l := newLab(t, trials.OneProcess, 0)
	for service, path := range takers {
		c := dial(t, address(l, service))
		smuggled := request("GET", "/smuggled")
		text := request("POST", path, fmt.Sprintf("Content-Length: %d", 5+len(smuggled)), "Transfer-Encoding: chunked") + "0\r\n\r\n" + smuggled
		if _, err := io.WriteString(c, text); err != nil {
			t.Fatal(err)
		}
		answers := bufio.NewReader(c)
		first, err := hearFrom(answers)
		if err != nil {
			t.Fatalf("%s: %v", service, err)
		}
		_ = c.SetReadDeadline(time.Now().Add(3 * time.Second))
		second, err := hearFrom(answers)
		if err == nil {
			t.Errorf("%s: two lengths, answered %d %s and then %d %s", service, first.status, first.body, second.status, second.body)
		}
	}
}

// TestExpectations has bodies announced: they are asked for only where they are
// wanted.
func TestExpectations(t *testing.T) {
	l := newLab(t, trials.OneProcess, 0, "--max-bytes", "1MiB")
	image := string(trials.PNG(16, 16, 1))
	for _, c := range []struct {
		service, method, target string
		length                  int
		status                  int // 100: it is asked for
	}{
		{"frontend", "POST", "/newImage", len(image), 100},
		{"frontend", "POST", "/newImage", 2 * maxBytes, 413},
		{"frontend", "POST", "/newImage?pipeline=nonsense", len(image), 400},
		{"frontend", "POST", "/nowhere", len(image), 404},
		{"frontend", "PUT", "/newImage", len(image), 405},
		{"kv", "PUT", "/kv/a", len(image), 100},
		{"kv", "PUT", "/kv/a", 2 << 20, 413},
		{"kv", "PUT", "/kv/a?ttl=nonsense", len(image), 400},
		{"storage", "PUT", "/images/inProgress/a", len(image), 100},
		{"storage", "PUT", "/images/nowhere/a", len(image), 404},
		{"taskdb", "POST", "/tasks/NO", len(image), 400},
		{"taskdb", "POST", "/tasks/a", 2 << 20, 413},
		{"master", "POST", "/newImage?pipeline=nonsense", len(image), 400},
	} {
		conn := dial(t, address(l, c.service))
		head := request(c.method, c.target, "Expect: 100-continue", fmt.Sprintf("Content-Length: %d", c.length))
		if _, err := io.WriteString(conn, head); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, fmt.Sprintf("HTTP/1.1 %d ", c.status)) {
			t.Errorf("%s %s %s of %d bytes: %q, %v; want %d", c.service, c.method, c.target, c.length, line, err, c.status)
		}
		conn.Close()
	}
}
