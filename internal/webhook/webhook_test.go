package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"minilab/internal/hook"
	"minilab/internal/outbound"
)

// TestSign has the vector of the specification's libraries.
func TestSign(t *testing.T) {
	at := time.Unix(1614265330, 0)
	for _, secret := range []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"} {
		got, err := sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, []byte(`{"test": 2432232314}`))
		if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; err != nil || got != want {
			t.Errorf("signed %q, %v; want %q", got, err, want)
		}
	}
	if _, err := sign("whsec_%", "x", at, nil); !errors.Is(err, errUnsigned) {
		t.Errorf("a secret that is none: %v", err)
	}
}

func TestDelivers(t *testing.T) {
	l, r := open(t), receive(t, nil)
	w := l.subscribe(r.URL + "/hook?x=1")
	l.run(l.deliverer())
	l.finish("a", r.URL+"/callback")
	l.until("both deliveries", l.ended(2))
	for _, d := range l.deliveries() {
		if d.State != hook.Delivered || len(d.Log) != 1 || d.Log[0].Status != http.StatusOK || d.Attempts != 1 {
			t.Errorf("delivery %+v", d)
		}
	}
	for _, c := range r.got() {
		if c.header.Get("Content-Type") != "application/json" || c.header.Get("User-Agent") != "minilab/test" {
			t.Errorf("header %v", c.header)
		}
		secret := w.Secret
		if d := l.deliveries()[0]; (d.ID == c.header.Get("Webhook-Id")) != (d.Webhook == w.ID) {
			secret = l.secret()
		}
		m := verified(t, c, secret)
		data := m["data"].(map[string]any)
		if m["type"] != "task.finished" || data["id"] != "a" || data["state"] != "finished" || data["pipeline"] != "swap" ||
			data["url"] != "/api/v1/tasks/a" || text(data["facts"]) != `{"width":3}` || text(data["tags"]) != `["x"]` ||
			text(data["outputs"]) != `[{"contentType":"image/png","name":"","sha256":"5e","size":7,"url":"/api/v1/tasks/a/result"}]` {
			t.Errorf("it tells %s", c.body)
		}
		at, err := time.Parse(time.RFC3339Nano, m["timestamp"].(string))
		if err != nil || time.Since(at).Abs() > time.Minute {
			t.Errorf("at %v, %v", m["timestamp"], err)
		}
	}
}

// TestRotation signs with the secret before too, for a day.
func TestRotation(t *testing.T) {
	l, r := open(t), receive(t, nil)
	w := l.subscribe(r.URL)
	fresh, err := l.tasks.Secret(t.Context(), "ann", w.ID, true)
	l.ok(err)
	l.finish("a", "")
	l.round(l.deliverer())
	c := r.got()[0]
	verified(t, c, fresh)
	verified(t, c, w.Secret)
}

// TestATaskThatIsGone is told nevertheless.
func TestATaskThatIsGone(t *testing.T) {
	l, r := open(t), receive(t, nil)
	l.finish("a", r.URL)
	_, err := l.tasks.Delete(t.Context(), "a")
	l.ok(err)
	l.round(l.deliverer())
	if m := verified(t, r.got()[0], l.secret()); m["data"].(map[string]any)["id"] != "a" {
		t.Errorf("it tells %v", m)
	}
}

// TestAnswers has every kind of receiver.
func TestAnswers(t *testing.T) {
	hang := func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	endless := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			for chunk := make([]byte, 64<<10); r.Context().Err() == nil; {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}
	}
	var elsewhere atomic.Int64
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(target.Close)
	status := func(n int) http.HandlerFunc { return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(n) } }
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		state  hook.State
		status int
		error  string
		next   time.Duration // at least
	}{
		"200":            {status(200), hook.Delivered, 200, "", 0},
		"204":            {status(204), hook.Delivered, 204, "", 0},
		"400":            {status(400), hook.Pending, 400, "it answered 400", delays[0] - time.Second},
		"404":            {status(404), hook.Pending, 404, "it answered 404", 0},
		"500":            {status(500), hook.Pending, 500, "it answered 500", 0},
		"410":            {status(410), hook.GivenUp, 410, "it answered 410", 0},
		"302":            {http.RedirectHandler(target.URL, http.StatusFound).ServeHTTP, hook.Pending, 302, "it answered 302; redirects are not followed", 0},
		"308":            {http.RedirectHandler(target.URL, http.StatusPermanentRedirect).ServeHTTP, hook.Pending, 308, "it answered 308; redirects are not followed", 0},
		"hangs":          {hang, hook.Pending, 0, "no answer in time", 0},
		"cuts":           {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, hook.Pending, 0, "no answer", 0},
		"takes, endless": {endless(200), hook.Delivered, 200, "", 0},
		"500, endless":   {endless(500), hook.Pending, 500, "it answered 500", 0},
		"takes, hangs": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			_ = http.NewResponseController(w).Flush()
			hang(w, r)
		}, hook.Delivered, 200, "", 0},
		"a huge header": {func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 1<<20)) }, hook.Pending, 0, "no answer", 0},
		"asks for time": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1800")
			w.WriteHeader(503)
		}, hook.Pending, 503, "it answered 503", 29 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, r := open(t), receive(t, c.answer)
			l.finish("a", r.URL)
			limit := 10 * time.Second
			if c.error == "no answer in time" {
				limit = 100 * time.Millisecond
			}
			l.round(l.deliverer(func(cfg *Config) { cfg.CallTime = limit }))
			d := l.only()
			if d.State != c.state || d.Log[0].Status != c.status || d.Log[0].Error != c.error || len(r.got()) != 1 {
				t.Errorf("delivery %+v after %d calls", d, len(r.got()))
			}
			if d.Log[0].Took > 5*time.Second {
				t.Errorf("it took %v", d.Log[0].Took)
			}
			if d.State == hook.Pending && d.NextAt.Sub(l.now()) < c.next {
				t.Errorf("the next attempt is in %v", d.NextAt.Sub(l.now()))
			}
		})
	}
	t.Cleanup(func() {
		if n := elsewhere.Load(); n != 0 {
			t.Errorf("redirects were followed %d times", n)
		}
	})
}

// TestNobodyListens: the receiver is down, and comes back.
func TestNobodyListens(t *testing.T) {
	l := open(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	l.ok(err)
	address := taken.Addr().String()
	l.ok(taken.Close())
	l.finish("a", "http://"+address+"/")
	d := l.deliverer()
	l.round(d)
	if got := l.only(); got.State != hook.Pending || got.Log[0].Error != "no answer" {
		t.Fatalf("delivery %+v", got)
	}
	back, err := net.Listen("tcp", address)
	l.ok(err)
	r := &httptest.Server{Listener: back, Config: &http.Server{Handler: http.NotFoundHandler()}}
	r.Config.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	r.Start()
	t.Cleanup(r.Close)
	l.advance(time.Minute)
	l.round(d)
	if got := l.only(); got.State != hook.Delivered || len(got.Log) != 2 {
		t.Errorf("delivery %+v", got)
	}
}

// TestWhatMayNotBeAsked: loopback and private addresses, by number and by name.
func TestWhatMayNotBeAsked(t *testing.T) {
	l, r := open(t), receive(t, nil)
	port := r.URL[strings.LastIndex(r.URL, ":"):]
	caller := outbound.New(outbound.Config{MaxBytes: 1 << 10, Total: 10 * time.Second})
	t.Cleanup(caller.Close)
	for i, url := range []string{
		r.URL, "http://localhost" + port, "http://[::1]" + port, "http://[::ffff:127.0.0.1]" + port, "http://0.0.0.0" + port,
		"http://127.1" + port, "http://2130706433" + port, "http://169.254.169.254/latest/meta-data", "http://10.0.0.1/", "http://[fd00:ec2::254]/",
	} {
		l.finish(fmt.Sprint("t-", i), url)
	}
	l.round(l.deliverer(func(c *Config) { c.Caller = caller }))
	for _, d := range l.deliveries() {
		if d.State != hook.Pending || d.Log[0].Status != 0 || d.Log[0].Error != said(0, outbound.ErrAddress) {
			t.Errorf("%s: %+v", d.URL, d.Log)
		}
	}
	if n := len(r.got()); n != 0 {
		t.Errorf("the receiver was called %d times", n)
	}
}

// TestANameThatIsPrivate asks a name server that gives an address within.
func TestANameThatIsPrivate(t *testing.T) {
	l, r := open(t), receive(t, nil)
	var calls atomic.Int64
	caller := outbound.New(outbound.Config{MaxBytes: 1 << 10, Total: 10 * time.Second, Resolver: &net.Resolver{
		PreferGo: true,
		Dial: func(context.Context, string, string) (net.Conn, error) {
			calls.Add(1)
			here, there := net.Pipe()
			go nameServer(there, netip.MustParseAddr("127.0.0.1"))
			return here, nil
		},
	}})
	t.Cleanup(caller.Close)
	l.finish("a", "http://inside.example.com"+r.URL[strings.LastIndex(r.URL, ":"):])
	l.round(l.deliverer(func(c *Config) { c.Caller = caller }))
	if d := l.only(); d.Log[0].Error != said(0, outbound.ErrAddress) || calls.Load() == 0 || len(r.got()) != 0 {
		t.Errorf("delivery %+v after %d questions and %d calls", d, calls.Load(), len(r.got()))
	}
}

// TestADay goes through all attempts at a receiver that never takes anything.
func TestADay(t *testing.T) {
	l, r := open(t), receive(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	w := l.subscribe(r.URL)
	l.finish("a", "")
	d := l.deliverer()
	start := l.now()
	for l.only().State == hook.Pending {
		if l.round(d) == 0 {
			l.advance(l.only().NextAt.Sub(l.now()) + time.Millisecond)
		}
	}
	took := l.now().Sub(start)
	if n := len(r.got()); n != len(delays)+1 || len(r.ids()) != 1 || took < 23*time.Hour || took > 25*time.Hour {
		t.Errorf("%d attempts in %v, IDs %v", n, took, r.ids())
	}
	for _, c := range r.got() {
		if string(c.body) != string(r.got()[0].body) {
			t.Errorf("another body: %s", c.body)
		}
	}
	list, err := l.tasks.Webhooks(t.Context(), "ann")
	l.ok(err)
	if list[0].ID != w.ID || list[0].DisabledAt.IsZero() {
		t.Errorf("the webhook is %+v", list[0])
	}
	l.finish("b", "")
	if len(l.deliveries()) != 1 {
		t.Error("a disabled webhook is told")
	}
}

// TestNext has the bounds of each delay.
func TestNext(t *testing.T) {
	for attempt := range len(delays) + 3 {
		want := delays[min(max(attempt, 1), len(delays))-1]
		for _, chance := range []float64{0, 0.5, 0.999} {
			if d := next(attempt, 0, chance); d < want*89/100 || d > want*111/100 {
				t.Errorf("attempt %d: %v, want about %v", attempt, d, want)
			}
		}
	}
	for _, c := range []struct{ after, want time.Duration }{
		{-time.Hour, delays[0]}, {time.Second, delays[0]}, {time.Hour, time.Hour}, {1000 * time.Hour, longAfter},
	} {
		if d := next(1, c.after, 0.5); d != c.want {
			t.Errorf("asked for %v it is %v", c.after, d)
		}
	}
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "x": 0, "-5": -5 * time.Second, "120": 2 * time.Minute, "99999999999999": 0,
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute,
	} {
		if d := retryAfter(text, now); d != want {
			t.Errorf("Retry-After %q is %v, want %v", text, d, want)
		}
	}
}

// TestTwoDeliverers share an outbox: each message is sent once.
func TestTwoDeliverers(t *testing.T) {
	l, r := open(t), receive(t, nil)
	l.run(l.deliverer())
	l.run(l.deliverer())
	const n = 120
	var all sync.WaitGroup
	for who := range 4 {
		all.Go(func() {
			for i := who; i < n; i += 4 {
				l.finish("t-"+strconv.Itoa(i), r.URL)
			}
		})
	}
	all.Wait()
	l.until("all deliveries", func() bool { return len(r.ids()) == n && l.pending() == 0 })
	for id, times := range r.ids() {
		if times != 1 {
			t.Errorf("%s came %d times", id, times)
		}
	}
}

// TestOneThatHangs holds up nobody else, and is called by a few at a time.
func TestOneThatHangs(t *testing.T) {
	l := open(t)
	var now, most atomic.Int64
	var calls atomic.Int64
	slow := receive(t, func(_ http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			return // so that more is held than may be called
		}
		n := now.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		<-r.Context().Done()
		now.Add(-1)
	})
	fast := receive(t, nil)
	for i := range 30 {
		l.finish(fmt.Sprint("slow-", i), slow.URL)
	}
	stop := l.run(l.deliverer(func(c *Config) { c.CallTime, c.Grace, c.Parallel, c.Each = time.Hour, time.Millisecond, 8, 3 }))
	l.until("the slow one's calls", func() bool { return len(slow.got()) == 4 })
	for i := range 30 {
		l.finish(fmt.Sprint("fast-", i), fast.URL)
	}
	l.until("all of the fast one's", func() bool { return len(fast.ids()) == 30 })
	stop()
	if most.Load() != 3 {
		t.Errorf("%d calls at a time to one endpoint", most.Load())
	}
	if n := l.pending(); n != 29 {
		t.Errorf("%d are pending", n)
	}
	for _, d := range l.deliveries() {
		if d.State == hook.Pending && (d.NextAt.After(l.now()) || d.Attempts != 0 || len(d.Log) != 0) {
			t.Errorf("delivery %+v", d)
		}
	}
}

// TestAStopLetsCallsEnd: what is under way is reported, and what waits for its
// turn is not begun.
func TestAStopLetsCallsEnd(t *testing.T) {
	l := open(t)
	goOn := make(chan struct{})
	var calls atomic.Int64
	r := receive(t, func(http.ResponseWriter, *http.Request) {
		if calls.Add(1) > 1 {
			<-goOn
		}
	})
	for i := range 4 {
		l.finish(fmt.Sprint("t-", i), r.URL)
	}
	ctx, stop := context.WithCancel(t.Context())
	var stopped sync.WaitGroup
	d := l.deliverer(func(c *Config) { c.Each = 2 })
	stopped.Go(func() { d.Run(ctx) })
	l.until("two calls that hang", func() bool { return len(r.got()) == 3 })
	stop()
	close(goOn)
	stopped.Wait()
	left := 0
	for _, d := range l.deliveries() {
		if d.State == hook.Pending && d.Attempts == 0 && !d.NextAt.After(l.now()) {
			left++
		} else if d.State != hook.Delivered {
			t.Errorf("delivery %+v", d)
		}
	}
	if left != 1 || len(r.got()) != 3 {
		t.Errorf("%d are left after %d calls", left, len(r.got()))
	}
}

// away is an outbox that fails so many times at each call.
type away struct {
	hook.Outbox
	claims, reports atomic.Int64
}

var errAway = errors.New("away")

func (a *away) ClaimDeliveries(ctx context.Context, r hook.ClaimRequest) ([]hook.Claimed, error) {
	if a.claims.Add(-1) >= 0 {
		return nil, errAway
	}
	return a.Outbox.ClaimDeliveries(ctx, r)
}

func (a *away) ReportDeliveries(ctx context.Context, list []hook.Report) ([]error, error) {
	if a.reports.Add(-1) >= 0 {
		return nil, errAway
	}
	return a.Outbox.ReportDeliveries(ctx, list)
}

func TestTheOutboxIsAway(t *testing.T) {
	l, r := open(t), receive(t, nil)
	l.finish("a", r.URL)
	a := &away{Outbox: l.tasks}
	a.claims.Store(2)
	a.reports.Store(2)
	l.run(l.deliverer(func(c *Config) { c.Outbox = a }))
	l.until("the delivery", l.ended(1))
	if n := len(r.got()); n != 1 {
		t.Errorf("sent %d times", n)
	}
}

// TestAPing is attempted once, and does the webhook no harm.
func TestAPing(t *testing.T) {
	l, r := open(t), receive(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	w := l.subscribe(r.URL)
	_, err := l.tasks.Ping(t.Context(), "ann", w.ID)
	l.ok(err)
	l.round(l.deliverer())
	m := verified(t, r.got()[0], w.Secret)
	if d := l.only(); d.State != hook.GivenUp || d.Type != hook.Test || text(m["data"]) != `{"webhook":"`+w.ID+`"}` || m["type"] != hook.Test {
		t.Errorf("delivery %+v tells %v", d, m)
	}
}

func TestMetrics(t *testing.T) {
	l, r := open(t), receive(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	reg := prometheus.NewRegistry()
	d := l.deliverer(func(c *Config) { c.Metrics = reg })
	l.finish("a", r.URL)
	l.round(d)
	families, err := reg.Gather()
	l.ok(err)
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			got[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	if got["minilab_webhook_deliveries_total again"] != 1 || got["minilab_webhook_delivery_seconds"] != 1 {
		t.Errorf("metrics %v", got)
	}
}

// nameServer answers each question over a stream with one address.
func nameServer(c net.Conn, addr netip.Addr) {
	defer c.Close()
	for {
		head := make([]byte, 2)
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		q := make([]byte, int(head[0])<<8|int(head[1]))
		if _, err := io.ReadFull(c, q); err != nil {
			return
		}
		end := 12
		for q[end] != 0 {
			end += int(q[end]) + 1
		}
		end += 5
		v4 := q[end-4] == 0 && q[end-3] == 1
		answer := append([]byte{q[0], q[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, q[12:end]...)
		if v4 {
			ip := addr.As4()
			answer[7] = 1
			answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
			answer = append(answer, ip[:]...)
		}
		if _, err := c.Write(append([]byte{byte(len(answer) >> 8), byte(len(answer))}, answer...)); err != nil {
			return
		}
	}
}
