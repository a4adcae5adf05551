package webhook

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"testing"
	"time"

	"minilab/internal/hook"
	"minilab/internal/hook/hookhttp"
	"minilab/internal/httpx"
	"minilab/internal/outbound"
)

// outboxURL tells the test's binary, started again as another process, to be a
// deliverer of that outbox.
const outboxURL = "WEBHOOK_TEST_OUTBOX"

func TestMain(m *testing.M) {
	url := os.Getenv(outboxURL)
	if url == "" {
		os.Exit(m.Run())
	}
	caller := outbound.New(outbound.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, MaxBytes: 1 << 10, Total: time.Minute})
	New(Config{
		Outbox: hookhttp.NewOutbox(httpx.NewClient(url, httpx.NewTransport())), Caller: caller, Log: slog.New(slog.DiscardHandler),
	}).Run(context.Background())
}

// serveOutbox serves the lab's outbox to other processes.
func (l *lab) serveOutbox() string {
	rt := httpx.NewRouter(slog.New(slog.DiscardHandler))
	hookhttp.RouteOutbox(rt, l.tasks)
	server := httptest.NewUnstartedServer(rt)
	server.Config.BaseContext = func(net.Listener) context.Context { return l.Context() }
	server.Start()
	l.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return server.URL
}

// TestKilledBetween kills a deliverer once its message has come and before it
// has heard so: another sends it again, under the same ID.
func TestKilledBetween(t *testing.T) {
	l := open(t)
	came, answer := make(chan struct{}, 10), make(chan struct{})
	r := receive(t, func(_ http.ResponseWriter, r *http.Request) {
		came <- struct{}{}
		select {
		case <-answer:
		case <-r.Context().Done():
		}
	})
	l.finish("a", r.URL)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), outboxURL+"="+l.serveOutbox())
	child.Stderr = os.Stderr
	l.ok(child.Start())
	select {
	case <-came:
	case <-time.After(patience):
		t.Error("nothing came")
	}
	l.ok(child.Process.Kill())
	_ = child.Wait()
	close(answer)

	second := l.deliverer()
	if n := l.round(second); n != 0 {
		t.Fatalf("%d deliveries while the dead one holds them", n)
	}
	l.advance(hold + time.Second)
	if n := l.round(second); n != 1 {
		t.Fatalf("%d deliveries after the hold", n)
	}
	d := l.only()
	if ids := r.ids(); len(ids) != 1 || ids[d.ID] != 2 || d.State != hook.Delivered || d.Attempts != 2 {
		t.Errorf("delivery %+v, received %v", d, ids)
	}
}
