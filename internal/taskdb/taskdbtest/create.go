package taskdbtest

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"minilab/internal/pipeline"
	"minilab/internal/taskdb"
)

var createCases = []testCase{
	{name: "a new task has everything filled in", run: filledIn},
	{name: "what a customer decides is kept", run: kept},
	{name: "what a customer does not decide is not taken", run: notTaken},
	{name: "ids: what is valid works, all are distinct", run: validIDs},
	{name: "ids: what is not valid is refused everywhere", run: invalidIDs},
	{name: "limits of a task", run: limits},
	{name: "the same id again is the same request", run: sameAgain},
	{name: "an id belongs to one task", run: idTaken},
	{name: "of racing creators exactly one creates", run: racingCreators},
	{name: "the token of a deleted id goes on", run: tokenSurvives},
	{name: "a full queue refuses and says when to come back", run: queueFull, with: func(c *Config) { c.MaxWaiting = 3 }},
	{name: "slices belong to whom they came from", run: ownership},
}

func filledIn(s *suite) {
	before := s.clock.Now().Add(-time.Second)
	t := s.create("a")
	after := s.clock.Now().Add(time.Second)
	want := wanted("a")
	want.Owner, want.Needs, want.State = taskdb.DefaultOwner, taskdb.DefaultNeeds, taskdb.NotStarted
	want.Outputs = []taskdb.Output{{}}
	want.CreatedAt, want.UpdatedAt, want.RunAt = t.CreatedAt, t.CreatedAt, t.CreatedAt
	s.same(t, want)
	if t.CreatedAt.Before(before) || t.CreatedAt.After(after) || t.CreatedAt.Location() != time.UTC {
		s.Errorf("created at %v, not now in UTC", t.CreatedAt)
	}
	s.same(s.get("a"), t)
}

// rich is a task with every field that a customer decides.
func rich(s *suite) taskdb.Task {
	t := wanted("rich")
	t.Owner, t.Priority, t.Needs = "ann ü", -3, "gpu"
	t.Tags = []string{"b", "a", "ä/&<>'\""}
	t.Pipeline = parse(s, "swap/swap:grb")
	t.Outputs = []taskdb.Output{{Name: "big"}, {Name: "small", Pipeline: parse(s, "swap:rbg")}}
	t.Source = taskdb.Blob{Key: "inProgress/rich", Size: 1 << 40, SHA256: "ab", ContentType: "image/jpeg"}
	t.Callback = "https://example.com/hook?x=1&y=2"
	t.RunAt = s.clock.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	t.Keep = 90 * time.Minute
	t.IdempotencyKey, t.IdempotencyHash, t.Fingerprint, t.Trace = "key", "hash", "print", "00-trace"
	return t
}

func kept(s *suite) {
	want := rich(s)
	got, created, err := s.Create(s.Context(), want)
	s.ok(err)
	if !created {
		s.Fatal("it was there already")
	}
	want.State = taskdb.NotStarted
	want.CreatedAt, want.UpdatedAt = got.CreatedAt, got.UpdatedAt
	s.same(got, want)
	s.same(s.get("rich"), want)
}

func notTaken(s *suite) {
	t := wanted("a")
	now := s.clock.Now()
	t.State, t.Token, t.Failures, t.Crashes, t.Lost, t.Progress = taskdb.NotStarted, 7, 1, 1, 1, 0.5
	t.Stage, t.Worker, t.Facts, t.Error = "fetching", "w", []byte(`{"a":1}`), &taskdb.Error{Code: "x"}
	t.CreatedAt, t.StartedAt, t.FinishedAt, t.ExpiresAt = now.Add(-time.Hour), now, now, now
	t.Outputs = []taskdb.Output{{Name: "o", Blob: taskdb.Blob{Key: "k", Size: 1, SHA256: "s", ContentType: "c"}}}
	got, _, err := s.Create(s.Context(), t)
	s.ok(err)
	want := wanted("a")
	want.Owner, want.Needs, want.State = taskdb.DefaultOwner, taskdb.DefaultNeeds, taskdb.NotStarted
	want.Outputs = []taskdb.Output{{Name: "o"}}
	want.CreatedAt, want.UpdatedAt, want.RunAt = got.CreatedAt, got.CreatedAt, got.CreatedAt
	s.same(got, want)
	if got.CreatedAt.Before(now.Add(-time.Minute)) {
		s.Error("the time of its creation was taken over")
	}
}

// same compares tasks as a person would read them.
func (s *suite) same(got, want taskdb.Task) {
	s.Helper()
	a, b := printable(got), printable(want)
	if !reflect.DeepEqual(a, b) {
		s.Fatalf("got  %s\nwant %s", strings.Join(a, "\n     "), strings.Join(b, "\n     "))
	}
}

func printable(t taskdb.Task) []string {
	v := reflect.ValueOf(t)
	lines := make([]string, 0, v.NumField())
	for i := range v.NumField() {
		f := v.Field(i).Interface()
		switch x := f.(type) {
		case *taskdb.Error:
			if x != nil {
				f = *x
			}
		case []string:
			f = strings.Join(x, "|")
		}
		lines = append(lines, fmt.Sprintf("%s=%s", v.Type().Field(i).Name, strings.ReplaceAll(fmt.Sprintf("%+v", f), "[]", "")))
	}
	return lines
}

func validIDs(s *suite) {
	list := []string{"-", "--", "0", "a", "a-", "-a", "a0", "in", "not", "started", "in-progress-", "finishedx", strings.Repeat("z", taskdb.MaxID)}
	for _, id := range list {
		s.create(id)
	}
	for _, id := range list {
		if got := s.get(id); got.ID != id || got.Source.Key != "inProgress/"+id {
			s.Errorf("%q reads as %q", id, got.ID)
		}
	}
}

func invalidIDs(s *suite) {
	list := []string{"", "A", "a b", "a/b", "a.b", "ä", "a\n", "..", strings.Repeat("z", taskdb.MaxID+1)}
	for _, state := range taskdb.States {
		list = append(list, string(state))
	}
	for _, id := range list {
		_, _, err := s.Create(s.Context(), wanted(id))
		s.is(err, taskdb.ErrID)
		_, err = s.Get(s.Context(), id)
		s.is(err, taskdb.ErrID)
		_, err = s.Cancel(s.Context(), id)
		s.is(err, taskdb.ErrID)
		_, err = s.Retry(s.Context(), id)
		s.is(err, taskdb.ErrID)
		s.is(s.remove(id), taskdb.ErrID)
		if id != "" { // of a claim: any
			_, err = s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "w", ID: id})
			s.is(err, taskdb.ErrID)
		}
	}
}

func limits(s *suite) {
	long := strings.Repeat("x", taskdb.MaxName)
	many := func(n int) (tags []string, outputs []taskdb.Output) {
		for i := range n {
			tags = append(tags, fmt.Sprint("t", i))
			outputs = append(outputs, taskdb.Output{Name: fmt.Sprint("o", i)})
		}
		return tags, outputs
	}
	tags, _ := many(taskdb.MaxTags + 1)
	_, outputs := many(taskdb.MaxOutputs + 1)
	url := "http://h/" + strings.Repeat("x", 2048-9)
	for i, c := range []struct {
		ok  bool
		set func(t *taskdb.Task)
	}{
		{true, func(t *taskdb.Task) { t.Tags = tags[1:] }},
		{false, func(t *taskdb.Task) { t.Tags = tags }},
		{true, func(t *taskdb.Task) { t.Tags = []string{"same", "same", long} }},
		{false, func(t *taskdb.Task) { t.Tags = []string{long + "x"} }},
		{true, func(t *taskdb.Task) { t.Outputs = outputs[1:] }},
		{false, func(t *taskdb.Task) { t.Outputs = outputs }},
		{false, func(t *taskdb.Task) { t.Outputs = []taskdb.Output{{Name: "a"}, {Name: "a"}} }},
		{true, func(t *taskdb.Task) { t.Outputs = []taskdb.Output{{Name: strings.Repeat("x", 64)}} }},
		{false, func(t *taskdb.Task) { t.Outputs = []taskdb.Output{{Name: strings.Repeat("x", 65)}} }},
		{false, func(t *taskdb.Task) { t.Outputs = []taskdb.Output{{Name: "Thumb"}} }},
		{false, func(t *taskdb.Task) { t.Outputs = []taskdb.Output{{Name: "../a"}} }},
		{false, func(t *taskdb.Task) { t.Outputs = []taskdb.Output{{Name: "a"}, {Name: ""}} }},
		{true, func(t *taskdb.Task) { t.Outputs = []taskdb.Output{{Name: ""}} }},
		{true, func(t *taskdb.Task) {
			t.Pipeline, t.Outputs = nil, []taskdb.Output{{Name: "a", Pipeline: t.Pipeline}, {Name: "b", Pipeline: t.Pipeline}}
		}},
		{false, func(t *taskdb.Task) {
			t.Pipeline, t.Outputs = nil, []taskdb.Output{{Name: "a", Pipeline: t.Pipeline}, {Name: "b"}}
		}},
		{true, func(t *taskdb.Task) { t.Owner, t.Needs, t.IdempotencyKey, t.IdempotencyHash = long, long, long, long }},
		{false, func(t *taskdb.Task) { t.Owner = long + "x" }},
		{false, func(t *taskdb.Task) { t.Owner = "a\x00b" }},
		{false, func(t *taskdb.Task) { t.Owner = "a\xff" }},
		{false, func(t *taskdb.Task) { t.Needs = long + "x" }},
		{false, func(t *taskdb.Task) { t.IdempotencyKey = long + "x" }},
		{false, func(t *taskdb.Task) { t.IdempotencyHash = long + "x" }},
		{true, func(t *taskdb.Task) { t.Priority = taskdb.MinPrio }},
		{true, func(t *taskdb.Task) { t.Priority = taskdb.MaxPrio }},
		{false, func(t *taskdb.Task) { t.Priority = taskdb.MinPrio - 1 }},
		{false, func(t *taskdb.Task) { t.Priority = taskdb.MaxPrio + 1 }},
		{true, func(t *taskdb.Task) { t.Source.Size = math.MaxInt64 }},
		{false, func(t *taskdb.Task) { t.Source.Size = -1 }},
		{false, func(t *taskdb.Task) { t.Source.Key = "" }},
		{false, func(t *taskdb.Task) { t.Pipeline = nil }},
		{false, func(t *taskdb.Task) { t.Pipeline = pipeline.Pipeline{} }},
		{false, func(t *taskdb.Task) { t.Keep = -1 }},
		{true, func(t *taskdb.Task) { t.Callback = url }},
		{false, func(t *taskdb.Task) { t.Callback = url + "x" }},
		{false, func(t *taskdb.Task) { t.Callback = "ftp://example.com/" }},
		{false, func(t *taskdb.Task) { t.Callback = "/path" }},
	} {
		t := wanted(fmt.Sprint("t-", i))
		c.set(&t)
		_, _, err := s.Create(s.Context(), t)
		if c.ok != (err == nil) || err != nil && !errors.Is(err, taskdb.ErrTask) {
			s.Errorf("case %d: %v", i, err)
		}
	}
}

func sameAgain(s *suite) {
	again := func(state taskdb.State) {
		s.Helper()
		got, created, err := s.Create(s.Context(), rich(s))
		s.ok(err)
		if created || got.ID != "rich" || got.State != state {
			s.Fatalf("again: created %v, a task %q that is %s; want it %s", created, got.ID, got.State, state)
		}
	}
	_, _, err := s.Create(s.Context(), rich(s))
	s.ok(err)
	again(taskdb.NotStarted)
	s.clock.Advance(2 * time.Hour)
	list, err := s.Claim(s.Context(), taskdb.ClaimRequest{Worker: "w", ID: "rich", Accepts: []string{"gpu"}})
	s.ok(err)
	again(taskdb.InProgress)
	s.ok(s.finish(result(list[0])))
	again(taskdb.Finished)
}

func idTaken(s *suite) {
	s.create("a")
	before := s.get("a")
	for i, set := range []func(t *taskdb.Task){
		func(t *taskdb.Task) { t.Owner = "other" },
		func(t *taskdb.Task) { t.Source.Key = "other" },
		func(t *taskdb.Task) { t.Source.SHA256 = "other" },
		func(t *taskdb.Task) { t.Pipeline = parse(s, "swap:grb") },
		func(t *taskdb.Task) { t.Outputs = []taskdb.Output{{Name: "other"}} },
		func(t *taskdb.Task) { t.Outputs = []taskdb.Output{{Pipeline: pipeline.Default()}} },
	} {
		t := wanted("a")
		set(&t)
		_, created, err := s.Create(s.Context(), t)
		if created || !errors.Is(err, taskdb.ErrExists) {
			s.Errorf("case %d: created %v, %v", i, created, err)
		}
	}
	s.same(s.get("a"), before)
}

func racingCreators(s *suite) {
	for round := range 10 {
		var created atomic.Int64
		together(16, func(i int) {
			t := wanted(fmt.Sprint("r-", round))
			got, mine, err := s.Create(s.Context(), t)
			if err != nil || got.ID != t.ID {
				s.Errorf("creator %d: %q, %v", i, got.ID, err)
			}
			if mine {
				created.Add(1)
			}
		})
		if created.Load() != 1 {
			s.Fatalf("%d creators created", created.Load())
		}
	}
}

func tokenSurvives(s *suite) {
	for want := range int64(3) {
		got := s.create("a")
		if got.Token != want {
			s.Fatalf("a new task has token %d, want %d", got.Token, want)
		}
		if c := s.claimOne("a"); c.Token != want+1 {
			s.Fatalf("its claim has token %d, want %d", c.Token, want+1)
		}
		s.ok(s.remove("a"))
	}
}

func queueFull(s *suite) {
	s.createMany("q", 3)
	t, created, err := s.Create(s.Context(), wanted("more"))
	s.is(err, taskdb.ErrQueueFull)
	if created || t.ID != "" || retryAfter(err) <= 0 {
		s.Errorf("created %v, %q, retry after %v", created, t.ID, retryAfter(err))
	}
	if _, _, err := s.Create(s.Context(), wanted("q-00001")); err != nil {
		s.Errorf("a task that is in the queue is refused: %v", err)
	}
	_, err = s.Get(s.Context(), "more")
	s.is(err, taskdb.ErrNotFound)
	s.claim(1)
	s.create("more")
}

func ownership(s *suite) {
	t := rich(s)
	got, _, err := s.Create(s.Context(), t)
	s.ok(err)
	want := s.get("rich")
	for _, tags := range [][]string{t.Tags, got.Tags, s.get("rich").Tags} {
		tags[0] = "changed"
	}
	for _, outputs := range [][]taskdb.Output{t.Outputs, got.Outputs} {
		outputs[0].Name = "changed"
	}
	s.same(s.get("rich"), want)
	if !slices.Equal(want.Tags, []string{"b", "a", "ä/&<>'\""}) {
		s.Errorf("tags are %q", want.Tags)
	}
}
