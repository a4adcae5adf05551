package taskdbtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"minilab/internal/hook"
	"minilab/internal/taskdb"
)

var bornCases = []testCase{
	{name: "a task can begin finished", run: bornFinished},
	{name: "what begins finished is whole, and nothing else begins but not-started", run: bornRefused},
	{name: "what begins finished follows the rules of what is finished", run: bornStays},
	{name: "what begins finished is counted, in the feed and told to webhooks", run: bornTold},
	{name: "what begins finished expires", run: bornExpires},
	{name: "what begins finished waits for nobody", run: bornInFullQueue, with: func(c *Config) { c.MaxWaiting = 1 }},
	{name: "the same request again gives the task that there is, however it begins", run: bornAgain},
	{name: "no task begins finished with an id that had leases", run: bornUsedID},
	{name: "of racing creators exactly one begins finished", run: bornRace},
	{name: "a fingerprint finds what an owner has finished, the newest first", run: fingerprints},
	{name: "a fingerprint is looked for among an owner's finished tasks only", run: fingerprintRefused},
}

// born is a task whose results somebody had.
func born(id string, names ...string) taskdb.Task {
	t := wanted(id)
	t.State, t.Token, t.Facts = taskdb.Finished, 1, []byte(`{"width":3}`)
	for _, name := range append(names, "")[:max(1, len(names))] {
		t.Outputs = append(t.Outputs, taskdb.Output{Name: name, Blob: taskdb.Blob{
			Key: taskdb.ResultKey(t, name), Size: 7, SHA256: "5e", ContentType: "image/png",
		}})
	}
	return t
}

func (s *suite) bear(t taskdb.Task) taskdb.Task {
	s.Helper()
	got, created, err := s.Create(s.Context(), t)
	s.ok(err)
	if !created {
		s.Fatalf("task %q was there already", t.ID)
	}
	return got
}

func bornFinished(s *suite) {
	want := rich(s)
	b := born("rich", "big", "small")
	for i := range want.Outputs {
		want.Outputs[i].Blob = b.Outputs[i].Blob
	}
	want.State, want.Token, want.Facts = b.State, b.Token, b.Facts
	got := s.bear(want)
	now := s.clock.Now()
	want.Progress = 1
	want.CreatedAt, want.UpdatedAt, want.FinishedAt = got.CreatedAt, got.CreatedAt, got.CreatedAt
	want.ExpiresAt = got.CreatedAt.Add(want.Keep)
	s.same(got, want)
	s.same(s.get("rich"), want)
	if now.Sub(got.FinishedAt).Abs() > time.Minute {
		s.Errorf("finished at %v", got.FinishedAt)
	}
	t := born("plain")
	t.Facts, t.Keep = nil, 0
	if got := s.bear(t); len(got.Facts) != 0 || !got.ExpiresAt.IsZero() || !got.StartedAt.IsZero() || got.Worker != "" {
		s.Errorf("without facts and time to keep: %+v", got)
	}
}

func bornRefused(s *suite) {
	for name, set := range map[string]func(t *taskdb.Task){
		"no token":          func(t *taskdb.Task) { t.Token = 0 },
		"another token":     func(t *taskdb.Task) { t.Token = 2 },
		"no outputs":        func(t *taskdb.Task) { t.Outputs = nil },
		"no key":            func(t *taskdb.Task) { t.Outputs[1].Key = "" },
		"no digest":         func(t *taskdb.Task) { t.Outputs[0].SHA256 = "" },
		"an output twice":   func(t *taskdb.Task) { t.Outputs[1].Name = "a" },
		"no object":         func(t *taskdb.Task) { t.Facts = []byte(`[]`) },
		"no JSON":           func(t *taskdb.Task) { t.Facts = []byte(`{`) },
		"too many facts":    func(t *taskdb.Task) { t.Facts = []byte(`{"x":"` + strings.Repeat("x", taskdb.MaxFacts) + `"}`) },
		"in progress":       func(t *taskdb.Task) { t.State = taskdb.InProgress },
		"failed":            func(t *taskdb.Task) { t.State = taskdb.Failed },
		"canceled":          func(t *taskdb.Task) { t.State = taskdb.Canceled },
		"no state":          func(t *taskdb.Task) { t.State = "done" },
		"a long print":      func(t *taskdb.Task) { t.Fingerprint = strings.Repeat("x", taskdb.MaxName+1) },
		"an unwhole source": func(t *taskdb.Task) { t.Source.Key = "" },
	} {
		t := born("t", "a", "b")
		set(&t)
		if _, created, err := s.Create(s.Context(), t); created || err == nil {
			s.Errorf("%s: taken", name)
		} else {
			s.is(err, taskdb.ErrTask)
		}
	}
	_, err := s.Get(s.Context(), "t")
	s.is(err, taskdb.ErrNotFound)
	if got := s.events(0); len(got) != 0 {
		s.Errorf("the feed tells of %v", told(got))
	}
}

func bornStays(s *suite) {
	before := s.bear(born("a"))
	_, err := s.Cancel(s.Context(), "a")
	s.is(err, taskdb.ErrTransition)
	_, err = s.Retry(s.Context(), "a")
	s.is(err, taskdb.ErrTransition)
	_, err = s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "w", ID: "a"})
	s.is(err, taskdb.ErrTransition)
	if got := s.claim(5); len(got) != 0 {
		s.Errorf("claimed %v", claimedIDs(got))
	}
	c := taskdb.Claimed{Task: before}
	for _, lease := range []string{"", "1.", "1.x"} {
		s.everyReport(c, lease, taskdb.ErrLeaseLost)
	}
	s.same(s.get("a"), before)
	s.ok(s.remove("a"))
	s.create("a")
	if got := s.claimOne("a"); got.Token != 2 {
		s.Errorf("after its end the id has the token %d", got.Token)
	}
}

func bornTold(s *suite) {
	w := s.subscribe("ann")
	t := born("a")
	t.Owner, t.Callback, t.Tags = "ann", "https://example.com/hook", []string{"x"}
	done := s.tail(s.Context(), 0)
	s.settle()
	s.bear(t)
	s.wantCounts("birth")
	if got := s.stats(); got.FinishedMinute != 1 || got.Ready != 0 {
		s.Errorf("stats are %+v", got)
	}
	list := (<-done).list
	if len(list) != 1 || list[0].From != "" || list[0].State != taskdb.Finished || list[0].Token != 1 || list[0].Progress != 1 || list[0].Owner != "ann" {
		s.Fatalf("the feed tells %+v", list)
	}
	queued := s.queued("ann")
	slices.Sort(queued)
	if want := []string{"a task.finished ", "a task.finished " + w.ID}; !slices.Equal(queued, want) {
		s.Errorf("queued are %q, want %q", queued, want)
	}
	if got := s.deliveries(hook.Filter{Owner: "bob"}); len(got) != 0 {
		s.Errorf("another owner is told %v", got)
	}
	if got := taskIDs(s.all(taskdb.Filter{Tag: "x", Owner: "ann", State: taskdb.Finished})); !slices.Equal(got, []string{"a"}) {
		s.Errorf("listed are %v", got)
	}
}

func bornExpires(s *suite) {
	t := born("a")
	t.Keep = time.Hour
	s.bear(t)
	s.expires(0, "")
	s.clock.Advance(time.Hour + time.Second)
	if gone := s.expires(0, "a"); gone[0].Outputs[0].Key != "a.1" {
		s.Errorf("it pointed to %q", gone[0].Outputs[0].Key)
	}
}

func bornInFullQueue(s *suite) {
	s.create("a")
	_, _, err := s.Create(s.Context(), wanted("b"))
	s.is(err, taskdb.ErrQueueFull)
	s.bear(born("c"))
	s.claimOne("a")
	s.create("b")
}

func bornAgain(s *suite) {
	first := s.bear(born("a"))
	again := func(t taskdb.Task, want taskdb.Task) {
		s.Helper()
		got, created, err := s.Create(s.Context(), t)
		s.ok(err)
		if created {
			s.Error("it was created again")
		}
		s.same(got, want)
	}
	again(born("a"), first)
	again(wanted("a"), first)
	waiting := s.create("b")
	again(born("b"), waiting)
	other := born("a")
	other.Owner = "bob"
	_, _, err := s.Create(s.Context(), other)
	s.is(err, taskdb.ErrExists)
	keyed := born("c")
	keyed.IdempotencyKey, keyed.IdempotencyHash = "key", "hash"
	made := s.bear(keyed)
	keyed.ID = "d"
	again(keyed, made)
	keyed.IdempotencyHash = "another"
	_, _, err = s.Create(s.Context(), keyed)
	s.is(err, taskdb.ErrIdempotency)
}

func bornUsedID(s *suite) {
	s.create("never-leased")
	s.ok(s.remove("never-leased"))
	s.bear(born("never-leased"))
	s.started("leased")
	s.ok(s.remove("leased"))
	t := born("leased")
	t.IdempotencyKey, t.IdempotencyHash = "key", "hash"
	_, _, err := s.Create(s.Context(), t)
	s.is(err, taskdb.ErrExists)
	s.create("leased", func(t *taskdb.Task) { t.IdempotencyKey, t.IdempotencyHash = "key", "another" }) // which was not used
}

func bornRace(s *suite) {
	for i := range 10 {
		t := born(fmt.Sprint("t-", i))
		made := make([]bool, 8)
		together(len(made), func(i int) {
			var err error
			if _, made[i], err = s.Create(s.Context(), t); err != nil {
				s.Error(err)
			}
		})
		if n := len(slices.DeleteFunc(made, func(b bool) bool { return !b })); n != 1 {
			s.Errorf("%d were created", n)
		}
	}
}

func fingerprints(s *suite) {
	printed := func(owner, print string) func(*taskdb.Task) {
		return func(t *taskdb.Task) { t.Owner, t.Fingerprint = owner, print }
	}
	s.bring("f1", taskdb.Finished, printed("ann", "p"))
	b := born("f2")
	printed("ann", "p")(&b)
	s.bear(b)
	s.bring("f3", taskdb.Finished, printed("ann", "p"), func(t *taskdb.Task) { t.Tags = []string{"x"} })
	s.bring("other-print", taskdb.Finished, printed("ann", "q"))
	s.bring("other-owner", taskdb.Finished, printed("bob", "p"))
	s.bring("no-print", taskdb.Finished, printed("ann", ""))
	for i, state := range []taskdb.State{taskdb.NotStarted, taskdb.InProgress, taskdb.Failed, taskdb.Canceled} {
		s.bring(fmt.Sprint("not-finished-", i), state, printed("ann", "p"))
	}
	want := func(f taskdb.Filter, want ...string) {
		s.Helper()
		f.State = taskdb.Finished
		for _, limit := range []int{1, 2, 100} {
			f.Limit = limit
			if got := taskIDs(s.all(f)); !slices.Equal(got, want) {
				s.Errorf("%+v gives %q, want %q", f, got, want)
			}
		}
	}
	want(taskdb.Filter{Owner: "ann", Fingerprint: "p", Descending: true}, "f3", "f2", "f1")
	want(taskdb.Filter{Owner: "ann", Fingerprint: "p"}, "f1", "f2", "f3")
	want(taskdb.Filter{Owner: "bob", Fingerprint: "p"}, "other-owner")
	want(taskdb.Filter{Owner: "ann", Fingerprint: "p", Tag: "x"}, "f3")
	want(taskdb.Filter{Owner: "ann", Fingerprint: "r"})
	want(taskdb.Filter{Owner: "eve", Fingerprint: "p"})
	if got := s.get("f1").Fingerprint; got != "p" {
		s.Errorf("it is kept as %q", got)
	}
	s.ok(s.remove("f3"))
	want(taskdb.Filter{Owner: "ann", Fingerprint: "p", Descending: true}, "f2", "f1")
}

func fingerprintRefused(s *suite) {
	for _, f := range []taskdb.Filter{
		{Fingerprint: "p"}, {Fingerprint: "p", Owner: "ann"}, {Fingerprint: "p", State: taskdb.Finished}, {Fingerprint: "p", Owner: "ann", State: taskdb.Failed},
	} {
		_, err := s.List(s.Context(), f)
		s.is(err, taskdb.ErrTask)
	}
}
