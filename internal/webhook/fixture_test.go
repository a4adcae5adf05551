package webhook

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"minilab/internal/hook"
	"minilab/internal/outbound"
	"minilab/internal/pipeline"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb"
	"minilab/internal/taskdb/sqltaskdb/sqlite/sqlitetest"
)

// patience bounds a failing run and nothing else.
const patience = 30 * time.Second

// lab is a task database with a clock, and deliverers at will.
type lab struct {
	*testing.T
	tasks *sqltaskdb.Store
	mu    sync.Mutex
	ahead time.Duration
}

func open(t *testing.T) *lab {
	l := &lab{T: t}
	var err error
	l.tasks, err = sqlitetest.Open(t, t.TempDir(), sqltaskdb.Options{Now: l.now, Log: slog.New(slog.DiscardHandler)})
	l.ok(err)
	t.Cleanup(func() { l.ok(l.tasks.Close()) })
	return l
}

func (l *lab) now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Now().Add(l.ahead)
}

func (l *lab) advance(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ahead += d
}

func (l *lab) ok(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// finish has a task of ann's begin and end.
func (l *lab) finish(id, callback string) {
	l.Helper()
	_, _, err := l.tasks.Create(l.Context(), taskdb.Task{
		ID: id, Owner: "ann", Callback: callback, Tags: []string{"x"}, Pipeline: pipeline.Default(), Source: taskdb.Blob{Key: "k"},
	})
	l.ok(err)
	list, err := l.tasks.Claim(l.Context(), taskdb.ClaimRequest{Worker: "w", ID: id})
	l.ok(err)
	errs, err := l.tasks.Finish(l.Context(), []taskdb.Finish{{
		ID: id, Lease: list[0].Lease, Facts: []byte(`{"width":3}`),
		Outputs: []taskdb.Output{{Blob: taskdb.Blob{Key: id + ".1", SHA256: "5e", Size: 7, ContentType: "image/png"}}},
	}})
	l.ok(err)
	l.ok(errs[0])
}

func (l *lab) subscribe(url string) hook.Webhook {
	l.Helper()
	w, err := l.tasks.Subscribe(l.Context(), hook.Webhook{Owner: "ann", URL: url})
	l.ok(err)
	return w
}

func (l *lab) deliveries() []hook.Delivery {
	l.Helper()
	page, err := l.tasks.Deliveries(l.Context(), hook.Filter{Owner: "ann"})
	l.ok(err)
	return page.Deliveries
}

func (l *lab) only() hook.Delivery {
	l.Helper()
	list := l.deliveries()
	if len(list) != 1 {
		l.Fatalf("%d deliveries", len(list))
	}
	return list[0]
}

func (l *lab) secret() string {
	l.Helper()
	s, err := l.tasks.Secret(l.Context(), "ann", "", false)
	l.ok(err)
	return s
}

// until polls for a condition.
func (l *lab) until(what string, is func() bool) {
	l.Helper()
	for end := time.Now().Add(patience); !is(); {
		if time.Now().After(end) {
			l.Fatalf("in vain waited for: %s; deliveries %+v", what, l.deliveries())
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// pending counts all deliveries that have not ended.
func (l *lab) pending() (n int) {
	l.Helper()
	for f := (hook.Filter{Owner: "ann"}); ; {
		page, err := l.tasks.Deliveries(l.Context(), f)
		l.ok(err)
		for _, d := range page.Deliveries {
			if d.State == hook.Pending {
				n++
			}
		}
		if f.Cursor = page.Next; page.Next == "" {
			return n
		}
	}
}

// ended says whether n deliveries, and no more, have ended.
func (l *lab) ended(n int) func() bool {
	return func() bool { return len(l.deliveries())-l.pending() == n }
}

// deliverer calls receivers on this machine.
func (l *lab) deliverer(set ...func(*Config)) *Deliverer {
	caller := outbound.New(outbound.Config{
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, MaxBytes: 64 << 10, Total: time.Minute, Agent: "minilab/test",
	})
	l.Cleanup(caller.Close)
	cfg := Config{Outbox: l.tasks, Caller: caller, Jitter: func() float64 { return 0.5 }, Log: slog.New(slog.DiscardHandler)}
	for _, f := range set {
		f(&cfg)
	}
	return New(cfg)
}

// run delivers until stop is called, which waits for the end of it.
func (l *lab) run(d *Deliverer) (stop func()) {
	ctx, cancel := context.WithCancel(l.Context())
	done := make(chan struct{})
	go func() { defer close(done); d.Run(ctx) }()
	stop = func() {
		l.Helper()
		cancel()
		select {
		case <-done:
		case <-time.After(patience):
			l.Error("the deliverer goes on")
		}
	}
	l.Cleanup(stop)
	return stop
}

// round attempts what is due now, once.
func (l *lab) round(d *Deliverer) (n int) {
	l.Helper()
	_, room, _ := d.board.tryAsk(l.Context())
	list, err := d.cfg.Outbox.ClaimDeliveries(l.Context(), hook.ClaimRequest{Max: hook.MaxClaim, Busy: room.busy, Hold: hold})
	l.ok(err)
	d.board.asked(list)
	for _, one := range list {
		d.calls.Go(func() { d.deliver(l.Context(), l.Context(), one) })
	}
	d.calls.Wait()
	return len(list)
}

// call is a message that a receiver was sent.
type call struct {
	header http.Header
	body   []byte
}

// receiver is one that keeps what comes.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	calls []call
}

func receive(t *testing.T, answer http.HandlerFunc) *receiver {
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.calls = append(r.calls, call{req.Header, body})
		r.mu.Unlock()
		if answer != nil {
			answer(w, req)
		}
	}))
	t.Cleanup(func() { r.CloseClientConnections(); r.Close() })
	return r
}

func (r *receiver) got() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]call{}, r.calls...)
}

func (r *receiver) ids() map[string]int {
	n := map[string]int{}
	for _, c := range r.got() {
		n[c.header.Get("Webhook-Id")]++
	}
	return n
}

// verified checks a call as a receiver does, with somebody else's code.
func verified(t *testing.T, c call, secret string) map[string]any {
	t.Helper()
	key, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := key.Verify(c.body, c.header); err != nil {
		t.Errorf("%v: %v", c.header, err)
	}
	var m map[string]any
	if err := json.Unmarshal(c.body, &m); err != nil {
		t.Fatalf("%s: %v", c.body, err)
	}
	return m
}

func text(v any) string {
	data, _ := json.Marshal(v)
	return strings.TrimSpace(string(data))
}
