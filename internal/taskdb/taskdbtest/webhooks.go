package taskdbtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"minilab/internal/hook"
	"minilab/internal/taskdb"
)

var webhookCases = []testCase{
	{name: "a webhook is its owner's alone", run: webhookOwners},
	{name: "what is no webhook is refused", run: webhookRefused},
	{name: "a callback is held to the same rules", run: callbackRefused},
	{name: "an owner has so many webhooks and no more", run: webhookLimit},
	{name: "a webhook's secret is shown when it is made or rotated, and never again", run: webhookSecrets},
	{name: "the secret of callbacks is made once for each owner", run: callbackSecrets},
	{name: "each end is told to the webhooks that ask for it", run: fanOut},
	{name: "a webhook with tags is told of tasks that have one of them", run: fanOutTags},
	{name: "every way to end is told", run: everyEnd},
	{name: "a disabled webhook is told nothing until it is enabled", run: disabledWebhook},
	{name: "a test is sent to one webhook", run: ping},
}

func (s *suite) subscribe(owner string, set ...func(*hook.Webhook)) hook.Webhook {
	s.Helper()
	w := hook.Webhook{Owner: owner, URL: "https://" + owner + ".example/in?x=1"}
	for _, f := range set {
		f(&w)
	}
	made, err := s.Subscribe(s.Context(), w)
	s.ok(err)
	return made
}

func types(list ...string) func(*hook.Webhook) { return func(w *hook.Webhook) { w.Types = list } }

// end makes a task of an owner and ends it.
func (s *suite) end(id, owner string, state taskdb.State, set ...func(*taskdb.Task)) {
	s.Helper()
	s.bring(id, state, append(set, func(t *taskdb.Task) { t.Owner = owner })...)
}

// queued is what is pending for an owner, oldest first: task, type and webhook.
func (s *suite) queued(owner string) []string {
	s.Helper()
	list := s.deliveries(hook.Filter{Owner: owner})
	slices.Reverse(list)
	return ids(list, func(d hook.Delivery) string { return d.Task + " " + d.Type + " " + d.Webhook })
}

func (s *suite) deliveries(f hook.Filter) []hook.Delivery {
	s.Helper()
	page, err := s.Deliveries(s.Context(), f)
	s.ok(err)
	return page.Deliveries
}

func webhookOwners(s *suite) {
	w := s.subscribe("ann", types(hook.TaskFailed), func(w *hook.Webhook) { w.Tags = []string{"a", "b"} })
	if w.ID == "" || w.Owner != "ann" || w.URL != "https://ann.example/in?x=1" || !strings.HasPrefix(w.Secret, "whsec_") ||
		s.clock.Now().Sub(w.CreatedAt).Abs() > time.Minute || strings.Join(w.Types, " ") != "task.failed" || strings.Join(w.Tags, " ") != "a b" {
		s.Fatalf("made %+v", w)
	}
	second := s.subscribe("ann")
	list, err := s.Webhooks(s.Context(), "ann")
	s.ok(err)
	w.Secret, second.Secret = "", ""
	if len(list) != 2 || fmt.Sprint(list[0]) != fmt.Sprint(w) || fmt.Sprint(list[1]) != fmt.Sprint(second) {
		s.Fatalf("listed %+v, want %+v and %+v", list, w, second)
	}
	list, err = s.Webhooks(s.Context(), "bob")
	s.ok(err)
	if list == nil || len(list) != 0 {
		s.Errorf("bob has %v", list)
	}
	s.is(s.Unsubscribe(s.Context(), "bob", w.ID), hook.ErrNotFound)
	_, err = s.Enable(s.Context(), "bob", w.ID)
	s.is(err, hook.ErrNotFound)
	_, err = s.Ping(s.Context(), "bob", w.ID)
	s.is(err, hook.ErrNotFound)
	_, err = s.Secret(s.Context(), "bob", w.ID, true)
	s.is(err, hook.ErrNotFound)
	s.ok(s.Unsubscribe(s.Context(), "ann", w.ID))
	s.is(s.Unsubscribe(s.Context(), "ann", w.ID), hook.ErrNotFound)
	for _, id := range []string{"", "a/b", "..", "%2e", strings.Repeat("a", 500)} {
		s.is(s.Unsubscribe(s.Context(), "ann", id), hook.ErrNotFound)
		_, err = s.Redeliver(s.Context(), "ann", id)
		s.is(err, hook.ErrNotFound)
	}
}

func webhookRefused(s *suite) {
	many := make([]string, hook.MaxTags+1)
	for i := range many {
		many[i] = fmt.Sprint("t", i)
	}
	for name, set := range map[string]func(*hook.Webhook){
		"no URL":        func(w *hook.Webhook) { w.URL = "" },
		"another way":   func(w *hook.Webhook) { w.URL = "ftp://a.example/" },
		"a password":    func(w *hook.Webhook) { w.URL = "https://u:p@a.example/" },
		"a fragment":    func(w *hook.Webhook) { w.URL = "https://a.example/#x" },
		"port 0":        func(w *hook.Webhook) { w.URL = "https://a.example:0/" },
		"port 70000":    func(w *hook.Webhook) { w.URL = "https://a.example:70000/" },
		"no port":       func(w *hook.Webhook) { w.URL = "https://[::1]:/" },
		"no host":       func(w *hook.Webhook) { w.URL = "https://:443/" },
		"a long URL":    func(w *hook.Webhook) { w.URL = "https://a.example/" + strings.Repeat("x", hook.MaxURL) },
		"another type":  types("task.born"),
		"a type twice":  types("task.failed", "task.failed", "task.failed", "task.failed"),
		"many tags":     func(w *hook.Webhook) { w.Tags = many },
		"an empty tag":  func(w *hook.Webhook) { w.Tags = []string{""} },
		"a control tag": func(w *hook.Webhook) { w.Tags = []string{"a\nb"} },
	} {
		w := hook.Webhook{Owner: "ann", URL: "https://a.example"}
		set(&w)
		if _, err := s.Subscribe(s.Context(), w); err == nil {
			s.Errorf("%s was taken", name)
		} else {
			s.is(err, hook.ErrInvalid)
		}
	}
	for _, url := range []string{"http://a.example", "https://[2001:db8::1]:8443/x?y=z", "http://10.0.0.1:1/", "https://A.EXAMPLE:65535?q"} {
		s.subscribe("ann", func(w *hook.Webhook) { w.URL = url })
	}
}

func callbackRefused(s *suite) {
	for _, url := range []string{"https://u:p@c.example/", "https://u@c.example/", "https://c.example/#x", "http://c.example:0/", "http://c.example:x/", "//c.example/", "javascript:x"} {
		t := wanted("a")
		t.Callback = url
		_, _, err := s.Create(s.Context(), t)
		s.is(err, taskdb.ErrTask)
	}
	s.create("a", calling("http://c.example:65535/x?y=z"))
}

func webhookLimit(s *suite) {
	errs := make([]error, hook.MaxWebhooks+8)
	together(len(errs), func(i int) {
		_, errs[i] = s.Subscribe(s.Context(), hook.Webhook{Owner: "ann", URL: "https://a.example"})
	})
	refused := 0
	for _, err := range errs {
		if err != nil {
			s.is(err, hook.ErrTooMany)
			refused++
		}
	}
	list, err := s.Webhooks(s.Context(), "ann")
	s.ok(err)
	if refused != 8 || len(list) != hook.MaxWebhooks {
		s.Fatalf("%d were refused, %d made", refused, len(list))
	}
	s.subscribe("bob")
	s.ok(s.Unsubscribe(s.Context(), "ann", list[3].ID))
	s.subscribe("ann")
}

func webhookSecrets(s *suite) {
	w := s.subscribe("ann")
	_, err := s.Secret(s.Context(), "ann", w.ID, false)
	s.is(err, hook.ErrInvalid)
	fresh, err := s.Secret(s.Context(), "ann", w.ID, true)
	s.ok(err)
	s.end("a", "ann", taskdb.Canceled)
	d := s.claimDelivery()
	if fresh == w.Secret || !slices.Equal(d.Secrets, []string{fresh, w.Secret}) {
		s.Errorf("signed with %q, want %q and %q", d.Secrets, fresh, w.Secret)
	}
	s.report(d, hook.Again)
	s.clock.Advance(hook.SecretOverlap + time.Minute)
	if d := s.claimDelivery(); !slices.Equal(d.Secrets, []string{fresh}) {
		s.Errorf("after the overlap it is signed with %q", d.Secrets)
	}
}

func callbackSecrets(s *suite) {
	callback := func(t *taskdb.Task) { t.Callback = "https://c.example/" + t.ID }
	s.end("a", "ann", taskdb.Canceled, callback)
	first := s.claimDelivery()
	shown, err := s.Secret(s.Context(), "ann", "", false)
	s.ok(err)
	if !slices.Equal(first.Secrets, []string{shown}) || !strings.HasPrefix(shown, "whsec_") {
		s.Errorf("signed with %q, shown %q", first.Secrets, shown)
	}
	other, err := s.Secret(s.Context(), "bob", "", false)
	s.ok(err)
	fresh, err := s.Secret(s.Context(), "ann", "", true)
	s.ok(err)
	s.end("b", "ann", taskdb.Canceled, callback)
	if d := s.claimDelivery(); !slices.Equal(d.Secrets, []string{fresh, shown}) || fresh == shown || other == shown {
		s.Errorf("after the rotation it is signed with %q", d.Secrets)
	}
}

func fanOut(s *suite) {
	all := s.subscribe("ann").ID
	failed := s.subscribe("ann", types(hook.TaskFailed)).ID
	s.subscribe("bob")
	s.end("a", "ann", taskdb.Finished)
	s.end("b", "ann", taskdb.Failed, func(t *taskdb.Task) { t.Callback = "https://c.example/" })
	s.end("c", "eve", taskdb.Finished)
	s.bring("d", taskdb.InProgress, of("ann", 0))
	got := s.queued("ann")
	slices.Sort(got)
	want := []string{"a task.finished " + all, "b task.failed ", "b task.failed " + all, "b task.failed " + failed}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.Errorf("queued are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if got := s.queued("bob"); len(got) != 0 {
		s.Errorf("bob is told %q", got)
	}
	s.ok(s.Unsubscribe(s.Context(), "ann", all))
	s.end("e", "ann", taskdb.Finished)
	if got := s.queued("ann"); len(got) != 4 {
		s.Errorf("queued are %q", got)
	}
}

func fanOutTags(s *suite) {
	s.subscribe("ann", func(w *hook.Webhook) { w.Tags = []string{"x", `y"'`} })
	for id, tags := range map[string][]string{"none": nil, "other": {"z", "xy"}, "one": {"z", `y"'`}, "both": {"x", `y"'`}} {
		s.end(id, "ann", taskdb.Finished, func(t *taskdb.Task) { t.Tags = tags })
	}
	got := ids(s.deliveries(hook.Filter{Owner: "ann"}), func(d hook.Delivery) string { return d.Task })
	slices.Sort(got)
	if strings.Join(got, " ") != "both one" {
		s.Errorf("told of %q", got)
	}
}

// everyEnd goes through a task's life: only its ends are told, each once.
func everyEnd(s *suite) {
	w := s.subscribe("ann")
	c := s.started("a", of("ann", 0))
	s.ok(s.release("a", c.Lease))
	_, err := s.Cancel(s.Context(), "a")
	s.ok(err)
	_, err = s.Cancel(s.Context(), "a") // no end: it has ended
	s.ok(err)
	_, err = s.Retry(s.Context(), "a")
	s.ok(err)
	s.ok(s.fail("a", s.claimOne("a").Lease, "bad", false))
	_, err = s.Retry(s.Context(), "a")
	s.ok(err)
	for range taskdb.MaxLost {
		s.claimOne("a")
		s.expire(1)
	}
	_, err = s.Retry(s.Context(), "a")
	s.ok(err)
	c = s.claimOne("a")
	s.ok(s.finish(result(c)))
	s.ok(s.finish(result(c)))
	s.ok(s.remove("a"))
	want := []string{"a task.canceled " + w.ID, "a task.failed " + w.ID, "a task.failed " + w.ID, "a task.finished " + w.ID}
	if got := s.queued("ann"); !slices.Equal(got, want) {
		s.Errorf("told are\n%s", strings.Join(got, "\n"))
	}
}

func disabledWebhook(s *suite) {
	w := s.subscribe("ann")
	s.end("a", "ann", taskdb.Finished)
	s.end("b", "ann", taskdb.Finished)
	s.report(s.claimDelivery(), hook.Unwanted)
	s.end("c", "ann", taskdb.Finished)
	s.noDelivery()
	list, err := s.Webhooks(s.Context(), "ann")
	s.ok(err)
	if list[0].DisabledAt.IsZero() || list[0].DisabledWhy == "" {
		s.Errorf("the webhook is %+v", list[0])
	}
	for _, d := range s.deliveries(hook.Filter{Owner: "ann"}) {
		if d.State != hook.GivenUp || d.EndedAt.IsZero() || d.Task == "c" {
			s.Errorf("delivery %+v", d)
		}
		_, err := s.Redeliver(s.Context(), "ann", d.ID)
		s.is(err, hook.ErrInactive)
	}
	_, err = s.Ping(s.Context(), "ann", w.ID)
	s.is(err, hook.ErrInactive)
	again, err := s.Enable(s.Context(), "ann", w.ID)
	s.ok(err)
	if again.ID != w.ID || !again.DisabledAt.IsZero() || again.DisabledWhy != "" {
		s.Errorf("enabled: %+v", again)
	}
	s.end("d", "ann", taskdb.Finished)
	if d := s.claimDelivery(); d.Task != "d" {
		s.Errorf("told of %q", d.Task)
	}
}

func ping(s *suite) {
	w := s.subscribe("ann", types(hook.TaskFailed))
	s.subscribe("ann")
	queued, err := s.Ping(s.Context(), "ann", w.ID)
	s.ok(err)
	d := s.claimDelivery()
	if d.ID != queued.ID || d.Webhook != w.ID || d.Type != hook.Test || d.URL != w.URL || !strings.Contains(string(d.Data), w.ID) {
		s.Errorf("queued %+v, claimed %+v", queued, d)
	}
	s.report(d, hook.Abandon)
	s.noDelivery()
	list, err := s.Webhooks(s.Context(), "ann")
	s.ok(err)
	if !list[0].DisabledAt.IsZero() {
		s.Error("a test that failed has disabled the webhook")
	}
}
