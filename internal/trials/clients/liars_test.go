package clients

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"minilab/internal/discovery"
	"minilab/internal/fault"
	"minilab/internal/httpx"
	"minilab/internal/kv/kvhttp"
	"minilab/internal/lab"
	"minilab/internal/lab/labhttp"
	"minilab/internal/storage"
	"minilab/internal/storage/storagehttp"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/taskdbhttp"
)

// liar is a service that answers every request with what say writes.
func liar(t *testing.T, say func(w io.Writer) error) *httpx.Client {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				head := make([]byte, 64<<10)
				if _, err := c.Read(head); err == nil && say(c) == nil {
					_ = c.(*net.TCPConn).CloseWrite()
					_, _ = io.Copy(io.Discard, c)
				}
			}()
		}
	}()
	tr := httpx.NewTransport()
	t.Cleanup(tr.CloseIdleConnections)
	return httpx.NewClient("http://"+l.Addr().String(), tr)
}

// text says something that is known beforehand.
func text(head, body string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body)
		return err
	}
}

// endless says head and then the same again and again.
func endless(head, again string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, head)
		for piece := []byte(many(again, 1+(64<<10)/len(again))); err == nil; {
			_, err = w.Write(piece)
		}
		return err
	}
}

const (
	jsonHead = "200 OK\r\nContent-Type: application/json"
	anyImage = "200 OK\r\nContent-Type: image/png\r\nLast-Modified: Thu, 29 Feb 2024 12:00:00 GMT\r\n" +
		"Repr-Digest: sha-256=:hNiYd/DUBB77a/kaFvAkjy/Vc+avBcGflr7bn4gveII=:"
)

func bomb() string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write(make([]byte, 64<<20)) // a buffer takes everything
	_ = z.Close()
	return b.String()
}

// calls are one of every kind that services make to each other; each reads all
// that it gets.
func calls(c *httpx.Client) map[string]func(context.Context) error {
	tasks, images, keys, master := taskdbhttp.NewClient(c), storagehttp.NewClient(c), kvhttp.NewClient(c), labhttp.NewClient(c)
	put := storage.PutOptions{ContentType: "image/png", Size: 3}
	return map[string]func(context.Context) error{
		"taskdb get":    func(ctx context.Context) error { _, err := tasks.Get(ctx, "a"); return err },
		"taskdb cancel": func(ctx context.Context) error { _, err := tasks.Cancel(ctx, "a"); return err },
		"taskdb claim": func(ctx context.Context) error {
			list, err := tasks.Claim(ctx, taskdb.ClaimRequest{Worker: "w"})
			return orEmpty(len(list), err)
		},
		"taskdb events": func(ctx context.Context) error {
			list, err := tasks.Events(ctx, 5, 0, 0)
			return orEmpty(len(list), err)
		},
		"taskdb heartbeat": func(ctx context.Context) error {
			_, err := tasks.Heartbeat(ctx, []taskdb.Heartbeat{{ID: "a", Lease: "l"}})
			return err
		},
		"storage get": func(ctx context.Context) error {
			o, err := images.Get(ctx, storage.Finished, "a", storage.Part{})
			if err != nil {
				return err
			}
			defer o.Body.Close()
			_, err = io.Copy(io.Discard, o.Body)
			return err
		},
		"storage put": func(ctx context.Context) error {
			_, err := images.Put(ctx, storage.Finished, "a", strings.NewReader("abc"), put)
			return err
		},
		"kv get": func(ctx context.Context) error { _, err := keys.Get(ctx, "a"); return err },
		"kv watch": func(ctx context.Context) error {
			for _, err := range keys.Watch(ctx, "a", 0) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"master submit": func(ctx context.Context) error {
			_, err := master.Submit(ctx, lab.Submission{Size: 3}, strings.NewReader("abc"))
			return err
		},
		"master status": func(ctx context.Context) error { _, err := master.Task(ctx, lab.Ref{ID: "a"}, 0); return err },
		"master result": func(ctx context.Context) error { _, err := master.Result(ctx, lab.Ref{ID: "a"}, ""); return err },
		"master claim": func(ctx context.Context) error {
			list, err := master.Claim(ctx, lab.ClaimRequest{Worker: "w"})
			return orEmpty(len(list), err)
		},
	}
}

// orEmpty makes an empty list, which may be the truth, as good as a fault.
func orEmpty(n int, err error) error {
	if err == nil && n == 0 {
		return fault.ErrUnavailable
	}
	return err
}

// lies are answers that no service gives, to whatever question.
var lies = map[string]func(io.Writer) error{
	"nothing":         func(io.Writer) error { return nil },
	"rubbish":         func(w io.Writer) error { _, err := io.WriteString(w, many("\x00\xff rubbish", 1000)); return err },
	"an empty 200":    text("200 OK", ""),
	"null":            text(jsonHead, "null"),
	"an empty object": text(jsonHead, "{}"),
	"a page of HTML":  text("200 OK\r\nContent-Type: text/html", "<html>"),
	"half an answer": func(w io.Writer) error {
		_, err := io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
		return err
	},
	"a redirect":           text("302 Found\r\nLocation: http://127.0.0.1:9/", ""),
	"a redirect for ever":  text("307 Temporary Redirect\r\nLocation: /", ""),
	"not modified":         text("304 Not Modified", ""),
	"another protocol":     text("101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x", ""),
	"a status of its own":  text("999 Nonsense", ""),
	"an error of HTML":     text("500 Oops\r\nContent-Type: text/html", many("x", 1<<20)),
	"endless headers":      endless("HTTP/1.1 200 OK\r\n", "X: y\r\n"),
	"endless 1xx":          endless("", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
	"endless spaces":       endless("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", " "),
	"an endless text":      endless("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"id\":\"", "a"),
	"endless claims":       endless("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"claims\":[", "{},"),
	"endless work":         endless("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{\"work\":[", "{},"),
	"many claims":          text(jsonHead, `{"claims":[`+many("{},", 500_000)+`{}]}`),
	"many works":           text(jsonHead, `{"work":[`+many("{},", 500_000)+`{}]}`),
	"many results":         text(jsonHead, `{"results":[`+many("{},", 500_000)+`{}]}`),
	"deep JSON":            text(jsonHead, `{"id":`+many("[", 1_000_000)),
	"huge numbers":         text(jsonHead, `{"id":1e999999999,"last":`+many("9", 100_000)+`}`),
	"more than was asked":  text(jsonHead, `{"claims":[{"id":"a"},{"id":"b"}],"work":[{"id":"a"},{"id":"b"}],"events":[{"seq":5}],"results":[{},{}]}`),
	"work without end":     text(jsonHead, `{"work":[{"id":"a","lease":"l","leaseSeconds":1e300,"deadlineSeconds":-1}],"claims":[{"id":"a","state":"in-progress","lease":"l"}]}`),
	"a finished nothing":   text(jsonHead, `{"id":"a","state":"finished","outputs":[]}`),
	"a failure of nothing": text(jsonHead, `{"id":"a","state":"failed"}`),
	"a bomb":               text(jsonHead+"\r\nContent-Encoding: gzip", bomb()),
	"a wrong digest":       text(anyImage, "123"),
	"an endless image":     endless("HTTP/1.1 "+anyImage+"\r\n\r\n", "x"),
	"an image of 2^62":     endless("HTTP/1.1 "+anyImage+"\r\nContent-Length: 4611686018427387904\r\n\r\n", "x"),
	"endless events":       endless("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nETag: \"1\"\r\n\r\ndata: ", "a"),
	"endless event lines":  endless("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nETag: \"1\"\r\n\r\n", "data: a\n"),
}

// believable are lies that may be the truth for who asks.
var believable = map[string][]string{
	"master submit": {"a finished nothing", "a failure of nothing"}, // a ticket
	"master result": {"a wrong digest", "an image of 2^62"},         // nothing is read yet
}

// TestLiars asks a liar whatever services ask each other: every call ends with
// a fault, within its time, and has taken a bounded amount of memory.
func TestLiars(t *testing.T) {
	const most = 320 << 20 // bytes that one call may allocate in all, garbage included
	for lie, say := range lies {
		for name, call := range calls(liar(t, say)) {
			limit := 200 * time.Millisecond
			if !strings.Contains(lie, "endless") || name == "taskdb get" || name == "kv watch" {
				limit = 2 * time.Second
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			before := allocated()
			err := call(ctx)
			took := allocated() - before
			cancel()
			if err == nil && !slices.Contains(believable[name], lie) {
				t.Errorf("%s, told %s, believes it", name, lie)
			}
			if took > most {
				t.Errorf("%s, told %s, allocates %d MiB", name, lie, took>>20)
			}
		}
	}
}

// allocated is all that this process has ever allocated.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// TestLyingRegistrations fills the key-value store with services that are none.
func TestLyingRegistrations(t *testing.T) {
	for name, say := range map[string]func(io.Writer) error{
		"pages without end": text(jsonHead, `{"revision":1,"entries":[{"key":"services/storage/a","value":"e30=","revision":1}],"next":"again"}`),
		"empty pages":       text(jsonHead, `{"revision":1,"entries":[],"next":"again"}`),
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		v, before := discovery.NewView(), allocated()
		v.Follow(ctx, kvhttp.NewClient(liar(t, say)), discard)
		cancel()
		if took := allocated() - before; took > 64<<20 {
			t.Errorf("%s take %d MiB", name, took>>20)
		}
	}
	var list []string
	for i, url := range []string{"file:///etc/passwd", "http://", "nonsense", "http://127.0.0.1:1/path", "http://127.0.0.1:2", many("http://x", 10_000)} {
		list = append(list, fmt.Sprintf(`{"key":"services/storage/%d","value":"%s","revision":1}`, i, base64JSON(url)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	v := discovery.NewView()
	go v.Follow(ctx, kvhttp.NewClient(liar(t, text(jsonHead, `{"revision":1,"entries":[`+strings.Join(list, ",")+`]}`))), discard)
	<-v.Synced()
	if got := v.URLs("storage"); len(got) != 1 || got[0] != "http://127.0.0.1:2" {
		t.Errorf("believed %.200q", got)
	}
}

var discard = slog.New(slog.DiscardHandler)

func base64JSON(url string) string {
	value, _ := json.Marshal(discovery.Instance{URL: url}) // text always marshals
	return base64.StdEncoding.EncodeToString(value)
}
