package taskdbtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"minilab/internal/hook"
	"minilab/internal/taskdb"
)

var outboxCases = []testCase{
	{name: "a message tells of the task as it ended, though it is deleted", run: messageTells},
	{name: "a held delivery is nobody else's until the hold is over", run: holds},
	{name: "many deliverers never hold the same", run: manyDeliverers},
	{name: "a report needs the present hold", run: reportHolds},
	{name: "what is tried again is due when it was said", run: triedAgain},
	{name: "what was not sent is due at once and no attempt", run: unsent},
	{name: "a webhook that takes nothing for long is disabled", run: failingWebhook},
	{name: "a busy endpoint is passed over", run: busyEndpoints},
	{name: "one endpoint gets so many of a claim and no more", run: eachEndpoint},
	{name: "a waiting claim wakes for a delivery", run: deliveryWakes},
	{name: "a waiting claim of deliveries ends with its context and holds nothing", run: deliveryCanceled},
	{name: "deliveries are listed newest first, in parts", run: listDeliveries},
	{name: "the log has the last attempts", run: attemptsLog},
	{name: "a delivery is redelivered under the same ID", run: redeliver},
	{name: "deliveries that have ended are forgotten after their time", run: trimDeliveries},
	{name: "claims and reports that cannot be are refused", run: outboxRefused},
}

const hold = time.Hour

func (s *suite) claimDeliveries(max int, set ...func(*hook.ClaimRequest)) []hook.Claimed {
	s.Helper()
	r := hook.ClaimRequest{Max: max, Hold: hook.MaxHold}
	for _, f := range set {
		f(&r)
	}
	list, err := s.ClaimDeliveries(s.Context(), r)
	s.ok(err)
	return list
}

func (s *suite) claimDelivery() hook.Claimed {
	s.Helper()
	list := s.claimDeliveries(1)
	if len(list) != 1 {
		s.Fatal("nothing is due")
	}
	return list[0]
}

func (s *suite) noDelivery() {
	s.Helper()
	if list := s.claimDeliveries(hook.MaxClaim); list == nil || len(list) != 0 {
		s.Fatalf("due are %+v", list)
	}
}

func (s *suite) tryReport(d hook.Claimed, o hook.Outcome, set ...func(*hook.Report)) error {
	s.Helper()
	r := hook.Report{ID: d.ID, Hold: d.Hold, Outcome: o}
	for _, f := range set {
		f(&r)
	}
	return s.only(s.ReportDeliveries(s.Context(), []hook.Report{r}))
}

func (s *suite) report(d hook.Claimed, o hook.Outcome, set ...func(*hook.Report)) {
	s.Helper()
	s.ok(s.tryReport(d, o, set...))
}

func in(d time.Duration) func(*hook.Report) { return func(r *hook.Report) { r.Next = d } }

func calling(url string) func(*taskdb.Task) { return func(t *taskdb.Task) { t.Callback = url } }

// callback ends a task of ann's that has one.
func (s *suite) callback(id, url string) {
	s.Helper()
	s.end(id, "ann", taskdb.Finished, calling(url))
}

func (s *suite) onlyDelivery() hook.Delivery {
	s.Helper()
	list := s.deliveries(hook.Filter{Owner: "ann"})
	if len(list) != 1 {
		s.Fatalf("%d deliveries are listed", len(list))
	}
	return list[0]
}

func messageTells(s *suite) {
	c := s.started("a", of("ann", 0), calling("https://c.example/x"), func(t *taskdb.Task) {
		t.Tags, t.Keep = []string{"x", `"`}, time.Hour
	})
	f := result(c)
	f.Facts = json.RawMessage(`{"width":3}`)
	s.ok(s.finish(f))
	ended := s.get("a")
	s.ok(s.remove("a"))
	d := s.claimDelivery()
	if !strings.HasPrefix(d.ID, "msg_") || d.Owner != "ann" || d.Task != "a" || d.Webhook != "" || d.Type != hook.TaskFinished ||
		d.URL != "https://c.example/x" || d.Endpoint != "c.example" || d.State != hook.Pending || d.Attempts != 1 || !d.CreatedAt.Equal(ended.FinishedAt) {
		s.Errorf("delivery %+v", d)
	}
	var data struct {
		ID, State             string
		Tags                  []string
		Facts                 map[string]int
		Outputs               []map[string]any
		Error                 any
		FinishedAt, ExpiresAt int64
		Pipeline              []map[string]any
	}
	s.ok(json.Unmarshal(d.Data, &data))
	if data.ID != "a" || data.State != "finished" || len(data.Tags) != 2 || data.Tags[1] != `"` || data.Facts["width"] != 3 || data.Error != nil ||
		len(data.Outputs) != 1 || data.Outputs[0]["sha256"] != "5e" || data.Outputs[0]["contentType"] != "image/png" || data.Outputs[0]["size"] != 7.0 ||
		data.FinishedAt != ended.FinishedAt.UnixMicro() || data.ExpiresAt != ended.ExpiresAt.UnixMicro() || len(data.Pipeline) != 1 {
		s.Errorf("it tells %s", d.Data)
	}
	if strings.Contains(string(d.Data), "finished/a") {
		s.Errorf("it tells of keys of the storage: %s", d.Data)
	}
}

func holds(s *suite) {
	s.callback("a", "https://c.example/")
	first := s.claimDelivery()
	s.noDelivery()
	s.clock.Advance(hook.MaxHold - time.Minute)
	s.noDelivery()
	s.clock.Advance(2 * time.Minute)
	second := s.claimDelivery()
	if second.ID != first.ID || second.Hold == first.Hold || second.Attempts != 2 {
		s.Errorf("claimed %+v and then %+v", first, second)
	}
}

func manyDeliverers(s *suite) {
	const n = 60
	s.createAtOnce("t", n, of("ann", 0), func(t *taskdb.Task) { t.Callback = "https://" + t.ID[len(t.ID)-1:] + ".example/" })
	var mu sync.Mutex
	held := map[string]int{}
	together(6, func(who int) {
		for i := who; i < n; i += 6 {
			if _, err := s.Cancel(s.Context(), fmt.Sprintf("t-%05d", i)); err != nil {
				s.Error(err)
			}
			list, err := s.ClaimDeliveries(s.Context(), hook.ClaimRequest{Max: 1 + i%3, Hold: hook.MaxHold})
			if err != nil {
				s.Error(err)
			}
			mu.Lock()
			for _, d := range list {
				held[d.ID]++
			}
			mu.Unlock()
		}
	})
	for list := s.claimDeliveries(hook.MaxClaim); len(list) > 0; list = s.claimDeliveries(hook.MaxClaim) {
		for _, d := range list {
			held[d.ID]++
		}
	}
	if len(held) != n {
		s.Errorf("%d deliveries of %d", len(held), n)
	}
	for id, times := range held {
		if times != 1 {
			s.Errorf("%s is held %d times", id, times)
		}
	}
}

func reportHolds(s *suite) {
	s.callback("a", "https://c.example/")
	first := s.claimDelivery()
	s.is(s.tryReport(hook.Claimed{Delivery: first.Delivery, Hold: "x"}, hook.Taken), hook.ErrHoldLost)
	s.is(s.tryReport(hook.Claimed{Delivery: first.Delivery}, hook.Taken), hook.ErrHoldLost)
	s.is(s.tryReport(hook.Claimed{Delivery: hook.Delivery{ID: "msg_none"}, Hold: first.Hold}, hook.Taken), hook.ErrHoldLost)
	s.clock.Advance(hook.MaxHold + time.Minute)
	second := s.claimDelivery()
	s.is(s.tryReport(first, hook.Taken), hook.ErrHoldLost)
	s.clock.Advance(hook.MaxHold + time.Minute)
	s.report(second, hook.Taken) // late, but nobody else has it
	s.is(s.tryReport(second, hook.Taken), hook.ErrHoldLost)
	s.noDelivery()
	if d := s.onlyDelivery(); d.State != hook.Delivered || d.EndedAt.IsZero() || !d.NextAt.IsZero() || len(d.Log) != 1 {
		s.Errorf("delivery %+v", d)
	}
}

func triedAgain(s *suite) {
	s.callback("a", "https://c.example/")
	d := s.claimDelivery()
	s.report(d, hook.Again, in(time.Hour), func(r *hook.Report) { r.Status, r.Error, r.Took = 500, "it answered 500", time.Second })
	s.noDelivery()
	got := s.onlyDelivery()
	if got.State != hook.Pending || got.Attempts != 1 || got.NextAt.Sub(s.clock.Now()) < 50*time.Minute || len(got.Log) != 1 ||
		got.Log[0].Status != 500 || got.Log[0].Error != "it answered 500" || got.Log[0].Took != time.Second || got.Log[0].At.IsZero() {
		s.Errorf("delivery %+v", got)
	}
	s.clock.Advance(time.Hour + time.Minute)
	if again := s.claimDelivery(); again.ID != d.ID || again.Attempts != 2 {
		s.Errorf("again %+v", again)
	}
}

func unsent(s *suite) {
	s.callback("a", "https://c.example/")
	s.report(s.claimDelivery(), hook.Unsent)
	if d := s.claimDelivery(); d.Attempts != 1 {
		s.Errorf("attempt %d", d.Attempts)
	}
	if d := s.onlyDelivery(); len(d.Log) != 0 {
		s.Errorf("the log tells %+v", d.Log)
	}
}

func failingWebhook(s *suite) {
	s.subscribe("ann")
	disabled := func() bool {
		list, err := s.Webhooks(s.Context(), "ann")
		s.ok(err)
		return !list[0].DisabledAt.IsZero()
	}
	s.end("a", "ann", taskdb.Finished)
	s.end("b", "ann", taskdb.Finished)
	a, b := s.claimDelivery(), s.claimDelivery()
	s.clock.Advance(time.Minute)
	s.report(b, hook.Taken)
	s.report(a, hook.Abandon)
	if disabled() {
		s.Fatal("it has taken something since")
	}
	s.clock.Advance(time.Minute)
	s.end("c", "ann", taskdb.Finished)
	s.report(s.claimDelivery(), hook.Abandon)
	if !disabled() {
		s.Error("it has taken nothing since")
	}
}

func busyEndpoints(s *suite) {
	for i := range 20 {
		s.callback(fmt.Sprint("slow-", i), "https://Slow.example:8443/x?y=/")
	}
	s.callback("a", "http://fast.example?x=1")
	s.callback("b", "https://[2001:db8::1]:444/")
	if d := s.claimDelivery(); d.Endpoint != "slow.example:8443" {
		s.Errorf("the most overdue endpoint is %q", d.Endpoint)
	}
	list := s.claimDeliveries(10, func(r *hook.ClaimRequest) { r.Busy = []string{"slow.example:8443", "none"} })
	got := ids(list, func(d hook.Claimed) string { return d.Task + " " + d.Endpoint })
	if !slices.Equal(got, []string{"a fast.example", "b [2001:db8::1]:444"}) {
		s.Errorf("claimed %q", got)
	}
}

func eachEndpoint(s *suite) {
	for i := range 30 {
		s.callback(fmt.Sprint("t-", i), fmt.Sprintf("https://%d.example/", i%2))
	}
	list := s.claimDeliveries(10, func(r *hook.ClaimRequest) { r.Each = 3 })
	count := map[string]int{}
	for _, d := range list {
		count[d.Endpoint]++
	}
	if len(list) != 6 || count["0.example"] != 3 {
		s.Errorf("claimed %v", count)
	}
}

func (s *suite) awaitDelivery(ctx context.Context, r hook.ClaimRequest) <-chan answerDeliveries {
	r.Max, r.Hold, r.Wait = 5, hold/6, hook.MaxWait
	done := make(chan answerDeliveries, 1)
	go func() {
		list, err := s.ClaimDeliveries(ctx, r)
		done <- answerDeliveries{list, err}
	}()
	return done
}

type answerDeliveries struct {
	list []hook.Claimed
	err  error
}

func (s *suite) wantDelivery(done <-chan answerDeliveries, task string) hook.Claimed {
	s.Helper()
	select {
	case a := <-done:
		s.ok(a.err)
		if len(a.list) != 1 || a.list[0].Task != task {
			s.Fatalf("woke with %+v", a.list)
		}
		return a.list[0]
	case <-time.After(patience):
		s.Fatal("was not woken")
	}
	return hook.Claimed{}
}

func deliveryWakes(s *suite) {
	done := s.awaitDelivery(s.Context(), hook.ClaimRequest{})
	s.settle()
	s.end("silent", "ann", taskdb.Finished)
	s.callback("a", "https://c.example/")
	d := s.wantDelivery(done, "a")

	done = s.awaitDelivery(s.Context(), hook.ClaimRequest{})
	s.settle()
	s.report(d, hook.Again, in(20*time.Millisecond))
	d = s.wantDelivery(done, "a")

	done = s.awaitDelivery(s.Context(), hook.ClaimRequest{})
	s.settle()
	s.report(d, hook.Unsent)
	d = s.wantDelivery(done, "a")
	s.report(d, hook.Taken)

	done = s.awaitDelivery(s.Context(), hook.ClaimRequest{})
	s.settle()
	_, err := s.Redeliver(s.Context(), "ann", d.ID)
	s.ok(err)
	s.report(s.wantDelivery(done, "a"), hook.Again, in(20*time.Millisecond))
	s.wantDelivery(s.awaitDelivery(s.Context(), hook.ClaimRequest{}), "a") // it knows what will be due

	w := s.subscribe("bob")
	done = s.awaitDelivery(s.Context(), hook.ClaimRequest{})
	s.settle()
	_, err = s.Ping(s.Context(), "bob", w.ID)
	s.ok(err)
	s.wantDelivery(done, "")
}

func deliveryCanceled(s *suite) {
	for i := range 20 {
		ctx, leave := context.WithCancel(s.Context())
		done := s.awaitDelivery(ctx, hook.ClaimRequest{})
		s.settle()
		var wg sync.WaitGroup
		wg.Go(leave)
		id := fmt.Sprint("t-", i)
		s.callback(id, "https://c.example/")
		wg.Wait()
		a := <-done
		if a.err == nil && len(a.list) == 1 { // it was faster than its caller
			s.report(a.list[0], hook.Unsent)
		} else if !errors.Is(a.err, context.Canceled) {
			s.Errorf("ended with %v, %v", a.list, a.err)
		}
		if s.opts.Lossy {
			s.clock.Advance(hook.MaxHold + time.Minute)
		}
		next := s.awaitDelivery(s.Context(), hook.ClaimRequest{})
		s.report(s.wantDelivery(next, id), hook.Taken)
	}
	start := time.Now()
	list, err := s.ClaimDeliveries(s.Context(), hook.ClaimRequest{Max: 1, Hold: hook.MaxHold, Wait: 50 * time.Millisecond})
	s.ok(err)
	if d := time.Since(start); list == nil || len(list) != 0 || d < 50*time.Millisecond || d > patience {
		s.Errorf("got %v after %v", list, d)
	}
}

func listDeliveries(s *suite) {
	w := s.subscribe("ann").ID
	const n = 25
	for i := range n {
		s.callback(fmt.Sprint("t-", i), "https://c.example/")
	}
	s.end("t-0-bobs", "bob", taskdb.Finished, calling("https://c.example/"))
	if all := s.deliveries(hook.Filter{Owner: "ann"}); len(all) != 2*n || all[0].Task != "t-24" || all[2*n-1].Task != "t-0" || all[0].Data != nil {
		s.Fatalf("%d deliveries, the newest %+v", len(all), all[0])
	}
	for _, c := range []struct {
		f    hook.Filter
		want int
	}{
		{hook.Filter{Task: "t-3"}, 2}, {hook.Filter{Webhook: w}, n}, {hook.Filter{Task: "t-3", Webhook: w}, 1}, {hook.Filter{Task: "t-0-bobs"}, 0},
		{hook.Filter{Webhook: "none"}, 0}, {hook.Filter{}, 2 * n},
	} {
		c.f.Owner, c.f.Limit = "ann", 7
		seen := map[string]bool{}
		for {
			page, err := s.Deliveries(s.Context(), c.f)
			s.ok(err)
			for _, d := range page.Deliveries {
				seen[d.ID] = true
			}
			if len(page.Deliveries) > 7 || page.Next == "" != (len(seen) == c.want) {
				s.Fatalf("%+v: a page of %d, next %q", c.f, len(page.Deliveries), page.Next)
			}
			if c.f.Cursor = page.Next; page.Next == "" {
				break
			}
		}
		if len(seen) != c.want {
			s.Errorf("%+v gives %d, want %d", c.f, len(seen), c.want)
		}
	}
	for _, cursor := range []string{"x", "ZA", "ZC0x", "8J-YgA"} {
		if _, err := s.Deliveries(s.Context(), hook.Filter{Owner: "ann", Cursor: cursor}); !errors.Is(err, hook.ErrCursor) {
			s.Errorf("cursor %q: %v", cursor, err)
		}
	}
	_, err := s.Deliveries(s.Context(), hook.Filter{})
	s.is(err, hook.ErrInvalid)
}

func attemptsLog(s *suite) {
	s.callback("other", "https://o.example/")
	s.report(s.claimDelivery(), hook.Again, in(time.Hour))
	s.callback("a", "https://c.example/")
	for i := range hook.MaxLog + 5 {
		s.report(s.claimDelivery(), hook.Again, func(r *hook.Report) { r.Status, r.Error = 400+i, strings.Repeat("ä", 500) })
	}
	list := s.deliveries(hook.Filter{Owner: "ann"})
	if len(list) != 2 || len(list[0].Log) != hook.MaxLog || len(list[1].Log) != 1 || list[0].Attempts != hook.MaxLog+5 {
		s.Fatalf("deliveries %+v", list)
	}
	for i, a := range list[0].Log {
		if a.Status != 405+i || len(a.Error) > hook.MaxError || !strings.HasPrefix(a.Error, "ä") {
			s.Errorf("the log tells %+v", a)
		}
	}
}

func redeliver(s *suite) {
	s.callback("a", "https://c.example/")
	s.ok(s.remove("a"))
	d := s.claimDelivery()
	under, err := s.Redeliver(s.Context(), "ann", d.ID)
	s.ok(err)
	if under.Attempts != 1 {
		s.Errorf("what is under way became %+v", under)
	}
	s.noDelivery()
	s.report(d, hook.Abandon)
	s.noDelivery()
	_, err = s.Redeliver(s.Context(), "bob", d.ID)
	s.is(err, hook.ErrNotFound)
	_, err = s.Redeliver(s.Context(), "ann", "msg_none")
	s.is(err, hook.ErrNotFound)
	queued, err := s.Redeliver(s.Context(), "ann", d.ID)
	s.ok(err)
	if queued.ID != d.ID || queued.State != hook.Pending || queued.Attempts != 0 || !queued.EndedAt.IsZero() {
		s.Errorf("queued %+v", queued)
	}
	again := s.claimDelivery()
	if again.ID != d.ID || again.Attempts != 1 || string(again.Data) != string(d.Data) {
		s.Errorf("again %+v", again)
	}
	s.report(again, hook.Taken)
	if got := s.onlyDelivery(); got.State != hook.Delivered || len(got.Log) != 2 {
		s.Errorf("in the end %+v", got)
	}
	s.clock.Advance(time.Hour)
	_, err = s.Redeliver(s.Context(), "ann", d.ID) // a delivered one, too
	s.ok(err)
	s.report(s.claimDelivery(), hook.Again, in(time.Hour))
	_, err = s.Redeliver(s.Context(), "ann", d.ID) // and one that waits: at once
	s.ok(err)
	s.claimDelivery()
}

func trimDeliveries(s *suite) {
	s.callback("old", "https://c.example/")
	s.callback("waiting", "https://c.example/")
	list := s.claimDeliveries(2)
	i := slices.IndexFunc(list, func(d hook.Claimed) bool { return d.Task == "old" })
	s.report(list[i], hook.Taken)
	s.clock.Advance(hook.KeepFor - time.Hour)
	s.callback("young", "https://c.example/")
	s.ok(s.Trim(s.Context()))
	if n := len(s.deliveries(hook.Filter{Owner: "ann"})); n != 3 {
		s.Fatalf("%d are remembered", n)
	}
	s.clock.Advance(2 * time.Hour)
	s.ok(s.Trim(s.Context()))
	left := ids(s.deliveries(hook.Filter{Owner: "ann"}), func(d hook.Delivery) string { return d.Task })
	if strings.Join(left, " ") != "young waiting" {
		s.Errorf("remembered are %q", left)
	}
}

func outboxRefused(s *suite) {
	good := hook.ClaimRequest{Max: 1, Hold: time.Minute}
	for name, set := range map[string]func(*hook.ClaimRequest){
		"none":      func(r *hook.ClaimRequest) { r.Max = 0 },
		"too many":  func(r *hook.ClaimRequest) { r.Max = hook.MaxClaim + 1 },
		"each":      func(r *hook.ClaimRequest) { r.Each = -1 },
		"busy":      func(r *hook.ClaimRequest) { r.Busy = make([]string, hook.MaxBusy+1) },
		"no hold":   func(r *hook.ClaimRequest) { r.Hold = 0 },
		"long hold": func(r *hook.ClaimRequest) { r.Hold = hook.MaxHold + 1 },
		"long wait": func(r *hook.ClaimRequest) { r.Wait = hook.MaxWait + 1 },
		"no wait":   func(r *hook.ClaimRequest) { r.Wait = -1 },
	} {
		r := good
		set(&r)
		if _, err := s.ClaimDeliveries(s.Context(), r); !errors.Is(err, hook.ErrInvalid) {
			s.Errorf("%s: %v", name, err)
		}
	}
	s.callback("a", "https://c.example/")
	d := s.claimDelivery()
	s.is(s.tryReport(d, "lost"), hook.ErrInvalid)
	s.is(s.tryReport(d, hook.Again, in(-1)), hook.ErrInvalid)
	s.is(s.tryReport(d, hook.Again, in(hook.MaxDelay+1)), hook.ErrInvalid)
	_, err := s.ReportDeliveries(s.Context(), make([]hook.Report, hook.MaxBatch+1))
	s.is(err, hook.ErrInvalid)
	errs, err := s.ReportDeliveries(s.Context(), nil)
	if err != nil || len(errs) != 0 {
		s.Errorf("no reports: %v, %v", errs, err)
	}
	s.report(d, hook.Taken) // it was none of that
}
