// Package uploads is the trials of uploads by pieces: clients as they are, over
// frontends in turn, of labs whose processes die.
package uploads

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"minilab/internal/trials"
)

const (
	root   = "../../.."
	prefix = "/api/v1/uploads/"
)

// topology has three frontends, between which nothing is sticky.
var topology = trials.Topology{"kv", "taskdb", "storage", "master", "frontend", "frontend.2", "frontend.3", "worker"}

func newLab(t *testing.T, topology trials.Topology, flags ...string) *trials.Lab {
	t.Helper()
	l, err := trials.New(root, t.TempDir(), topology, flags...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if logs := l.KillAll(); t.Failed() {
			t.Log(logs[max(len(logs)-6000, 0):])
		}
	})
	if err := l.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return l
}

// balancer sends each request to the next frontend.
func balancer(t *testing.T, l *trials.Lab) string {
	t.Helper()
	var proxies []*httputil.ReverseProxy
	for _, base := range l.URLs("frontend") {
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		proxies = append(proxies, &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(u) }})
	}
	if len(proxies) < 3 {
		t.Fatalf("there are %d frontends", len(proxies))
	}
	var turn atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		proxies[int(turn.Add(1))%len(proxies)].ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// kept is what the storage has of an upload.
func kept(l *trials.Lab, url string) []byte {
	data, err := os.ReadFile(filepath.Join(l.Dir, "data", "uploads", path.Base(url)))
	if err != nil {
		return nil
	}
	return data
}

// said is a line of a client in JSON.
type said struct {
	URL, Method, Error, Name, Offset, Task string
	Status                                 int
	Done                                   bool
}

// node runs a client to its end and gives what it said, and its exit code.
func node(t *testing.T, script string, args ...string) (lines []said, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{script}, args...)...)
	cmd.Dir = filepath.Join("testdata", "js")
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	for s := bufio.NewScanner(&out); s.Scan(); {
		var line said
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Errorf("%s says %q: %v", script, s.Text(), err)
		}
		lines = append(lines, line)
	}
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() < 0 || log.Len() > 0 && err != nil {
		t.Fatalf("%s: %v (are its modules there? `make test-deps`)\n%s", script, err, log.String())
	}
	return lines, cmd.ProcessState.ExitCode()
}

// photo writes a file that no two tests share.
func photo(t *testing.T, size int) (file string, data []byte) {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	data = make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)}).Read(data)
	file = filepath.Join(t.TempDir(), strconv.FormatUint(seed, 10)+".jpg")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return file, data
}

// answer is one of the lab's.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) offset() int {
	n, err := strconv.Atoi(a.header.Get("Upload-Offset"))
	if err != nil {
		return -1
	}
	return n
}

func do(t *testing.T, method, url string, body io.Reader, header ...string) (answer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Tus-Resumable", "1.0.0")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(text)}, err
}

func must(t *testing.T, method, url string, body io.Reader, header ...string) answer {
	t.Helper()
	a, err := do(t, method, url, body, header...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return a
}

func patch(t *testing.T, url string, offset int, body io.Reader) (answer, error) {
	t.Helper()
	return do(t, "PATCH", url, body, "Upload-Offset", strconv.Itoa(offset), "Content-Type", "application/offset+octet-stream")
}

func create(t *testing.T, base string, size int) (url string) {
	t.Helper()
	a := must(t, "POST", base+prefix, nil, "Upload-Length", strconv.Itoa(size))
	if a.status != http.StatusCreated {
		t.Fatalf("answered %d %s", a.status, a.body)
	}
	return base + a.header.Get("Location")
}

// head asks until the upload answers: a service that has just been started
// again is not found at once.
func head(t *testing.T, url string) answer {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		a, err := do(t, "HEAD", url, nil)
		if err == nil && a.status == http.StatusOK {
			return a
		}
		if time.Now().After(end) {
			t.Fatalf("HEAD: %d, %v", a.status, err)
		}
	}
}
