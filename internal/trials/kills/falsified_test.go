package kills

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"minilab/internal/taskdb"
	"minilab/internal/trials"
)

// minute is a time in the life that the tests below tell of.
func minute(n int) time.Time { return time.Date(2026, 1, 2, 3, n, 0, 0, time.UTC) }

// goodLife is of three tasks. "a" was finished after a lost lease and a crash;
// "b" has failed after two crashes; of "c" no customer has heard. The engine
// was killed for each crash.
func goodLife() *evidence {
	crash, expiry := &taskdb.Error{Code: codeCrashed}, &taskdb.Error{Code: codeExpired}
	e := &evidence{
		events: []taskdb.Event{
			{ID: "a", State: taskdb.NotStarted},
			{ID: "a", From: taskdb.NotStarted, State: taskdb.InProgress, Token: 1},
			{ID: "a", From: taskdb.InProgress, State: taskdb.NotStarted, Token: 1, Error: expiry},
			{ID: "b", State: taskdb.NotStarted},
			{ID: "a", From: taskdb.NotStarted, State: taskdb.InProgress, Token: 2},
			{ID: "a", From: taskdb.InProgress, State: taskdb.NotStarted, Token: 2, Error: crash}, // 5
			{ID: "b", From: taskdb.NotStarted, State: taskdb.InProgress, Token: 1},
			{ID: "b", From: taskdb.InProgress, State: taskdb.NotStarted, Token: 1, Error: crash}, // 7
			{ID: "a", From: taskdb.NotStarted, State: taskdb.InProgress, Token: 3},
			{ID: "a", From: taskdb.InProgress, State: taskdb.Finished, Token: 3},
			{ID: "b", From: taskdb.NotStarted, State: taskdb.InProgress, Token: 2},
			{ID: "b", From: taskdb.InProgress, State: taskdb.Failed, Token: 2, Error: crash}, // 11
			{ID: "c", State: taskdb.NotStarted},
			{ID: "c", From: taskdb.NotStarted, State: taskdb.InProgress, Token: 1},
			{ID: "c", From: taskdb.InProgress, State: taskdb.Finished, Token: 1},
		},
		tasks: []taskdb.Task{
			task("a", taskdb.Finished, 3), task("b", taskdb.Failed, 2), task("c", taskdb.Finished, 1),
		},
		orders: []*order{
			{sha: "A", id: "a", status: trials.Status{Status: "finished"}},
			{sha: "B", id: "b", status: trials.Status{Status: "failed"}},
			{sha: "C"}, {sha: "D"},
		},
		counts: map[taskdb.State]int64{taskdb.Finished: 2, taskdb.Failed: 1},
		files:  files{folderInProgress: {"a", "b", "c"}, folderFinished: {"a.3", "c.1"}},
	}
	e.tasks[0].Lost, e.tasks[0].Crashes, e.tasks[1].Crashes = 1, 1, 2
	for i := range e.events {
		e.events[i].Seq, e.events[i].Time = int64(i+1), minute(i)
	}
	for _, crashed := range []int{5, 7, 11} {
		e.strikes = append(e.strikes, strike{
			step: step{victim: engineProcess, signal: syscall.SIGKILL}, at: minute(crashed).Add(-time.Second),
		})
	}
	e.seen = slices.Clone(e.events[:12])
	return e
}

func task(id string, state taskdb.State, token int64) taskdb.Task {
	t := taskdb.Task{ID: id, State: state, Token: token, Source: taskdb.Blob{Key: id, SHA256: strings.ToUpper(id)}, Outputs: make([]taskdb.Output, 1)}
	if state == taskdb.Finished {
		t.Outputs[0].Key = id + "." + string(rune('0'+token))
	}
	return t
}

// TestFalsified has the evidence of a good life pass, and notices each of the
// things that must not be when it is put in.
func TestFalsified(t *testing.T) {
	if bad := goodLife().violations(); len(bad) > 0 {
		t.Errorf("a good life has %q", bad)
	}
	for name, c := range map[string]struct {
		falsify func(e *evidence)
		want    string
	}{
		"an event gone after a restart": {func(e *evidence) {
			e.seen = append(e.seen, taskdb.Event{Seq: 13, ID: "z"})
		}, "the feed told of seq 13"},
		"an event that has changed": {func(e *evidence) { e.seen[9].Token = 2 }, "the feed told of seq 10"},
		"more was told than there is": {func(e *evidence) {
			e.seen = append(slices.Clone(e.events), taskdb.Event{Seq: 16})
		}, "the feed told of seq 16"},
		"a seq that does not grow": {func(e *evidence) { e.events[13].Seq = 13 }, "after seq 13 comes 13"},
		"a claim of what is held": {func(e *evidence) {
			e.events[2] = taskdb.Event{Seq: 3, ID: "a", From: taskdb.InProgress, State: taskdb.InProgress, Token: 2}
		}, "seq 3: a was in-progress and goes from"},
		"a finish of what is not held": {func(e *evidence) { e.events[4].State = taskdb.Finished }, "seq 5: a was not-started"},
		"a token used twice":           {func(e *evidence) { e.events[4].Token = 1 }, "with token 1, expected 2"},
		"a token that leaps":           {func(e *evidence) { e.events[13].Token = 2 }, "with token 2, expected 1"},
		"a life from the middle":       {func(e *evidence) { e.events[0].State = taskdb.InProgress }, "the life of a begins as in-progress"},
		"a deletion of what was taken in": {func(e *evidence) {
			e.events = append(e.events, taskdb.Event{Seq: 16, ID: "a", From: taskdb.Finished, State: taskdb.Finished, Token: 3, Deleted: true})
		}, "a was taken in and is deleted"},
		"a deleted task that goes on": {func(e *evidence) { e.events[13].Deleted = true }, "c was deleted and goes on"},
		"a row of a deleted task":     {func(e *evidence) { e.events[14].Deleted = true }, "its last event says"},
		"two publications": {func(e *evidence) {
			e.events = append(e.events, taskdb.Event{Seq: 16, ID: "a", From: taskdb.InProgress, State: taskdb.Finished, Token: 3})
		}, "a was published at seq 10 and at 16"},
		"a row behind its events":    {func(e *evidence) { e.tasks[0].State = taskdb.InProgress }, "its last event says"},
		"a row with another token":   {func(e *evidence) { e.tasks[0].Token = 4 }, "its last event says"},
		"a wrong count":              {func(e *evidence) { e.counts[taskdb.NotStarted] = 1 }, "1 tasks are counted as not-started"},
		"another attempt's result":   {func(e *evidence) { e.tasks[0].Outputs[0].Key = "a.2" }, "a has published a.2, not a.3"},
		"another task's result":      {func(e *evidence) { e.tasks[0].Outputs[0].Key = "c.1" }, "a has published c.1"},
		"a task without a row":       {func(e *evidence) { e.tasks = e.tasks[:2] }, "c is in the feed and has no row"},
		"a lease's loss not told":    {func(e *evidence) { e.tasks[0].Lost = 2 }, "a counts {failures:0 crashes:1 lost:2}"},
		"a failure not counted":      {func(e *evidence) { e.events[14].Error = &taskdb.Error{Code: "x"} }, "the feed {failures:1"},
		"a task that has not ended":  {func(e *evidence) { e.tasks[2].State = taskdb.NotStarted }, "c is not-started in the end"},
		"a task nobody can wait for": {func(e *evidence) { e.tasks[2].State = taskdb.Canceled }, "c is canceled in the end"},
		"an order without a task":    {func(e *evidence) { e.tasks = e.tasks[1:] }, "a was taken in and is lost"},
		"an order with another task": {func(e *evidence) { e.orders[0].id = "c" }, "c was taken in and is lost"},
		"two tasks for one upload":   {func(e *evidence) { e.tasks[2].Source.SHA256 = "A" }, "the bytes of c have another task"},
		"a task that nobody ordered": {func(e *evidence) { e.orders = e.orders[:2] }, "nobody has ordered c"},
		"a customer told a lie":      {func(e *evidence) { e.orders[1].status.Status = "finished" }, "b is failed, and its customer was told"},
		"a failure of a good image":  {func(e *evidence) { e.events[11].Error = &taskdb.Error{Code: "not-image"} }, "b failed, and the reason is none"},
		"too many lost workers":      {func(e *evidence) { e.events[11].Error = &taskdb.Error{Code: "workers-lost"} }, "b failed, and the reason is none"},
		"a crash without a kill":     {func(e *evidence) { e.strikes = e.strikes[:2] }, "seq 12: the engine of b crashed, and nobody has killed it"},
		"a kill before the claim":    {func(e *evidence) { e.strikes[2].at = minute(9) }, "the engine of b crashed"},
		"a kill of somebody else":    {func(e *evidence) { e.strikes[2].victim = "worker" }, "the engine of b crashed"},
		"one kill for two crashes":   {func(e *evidence) { e.strikes[1].at = e.strikes[0].at }, "seq 8: the engine of b crashed"},
		"a stop is no kill":          {func(e *evidence) { e.strikes[0].signal = syscall.SIGSTOP }, "seq 6: the engine of a crashed"},
		"a kill that hit nobody":     {func(e *evidence) { e.strikes[0].missed = true }, "seq 6: the engine of a crashed"},
		"a result without bytes":     {func(e *evidence) { e.files[folderFinished] = []string{"c.1"} }, "a task points to finished/a.3"},
		"a source without bytes":     {func(e *evidence) { e.files[folderInProgress] = []string{"a", "b"} }, "a task points to inProgress/c"},
		"a result that nobody needs": {func(e *evidence) { e.files[folderFinished] = append(e.files[folderFinished], "a.2") }, "finished/a.2 is nobody's"},
		"a failed task's result":     {func(e *evidence) { e.files[folderFinished] = append(e.files[folderFinished], "b.2") }, "finished/b.2 is nobody's"},
		"a source that nobody needs": {func(e *evidence) { e.files[folderInProgress] = append(e.files[folderInProgress], "d") }, "inProgress/d is nobody's"},
		"a half-written file":        {func(e *evidence) { e.files[folderFinished] = append(e.files[folderFinished], ".tmp-1") }, "finished/.tmp-1 is nobody's"},
	} {
		e := goodLife()
		c.falsify(e)
		bad := e.violations()
		if !strings.Contains(strings.Join(bad, "\n"), c.want) {
			t.Errorf("%s is not noticed: %q", name, bad)
		}
	}
}

// TestMixedUp has the comparison notice another image's result, and that of the
// same photograph from another customer.
func TestMixedUp(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "photo.jpg"), trials.JPEG(64, 48, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := openAlbum(dir)
	if err != nil {
		t.Fatal(err)
	}
	var prints []print
	for seed := range uint64(3) {
		photo, err := a.photograph(seed)
		if err != nil {
			t.Fatal(err)
		}
		prints = append(prints, picture(seed), photo)
	}
	var results [][]byte
	for _, p := range prints {
		results = append(results, altered(t, p))
	}
	for i, p := range prints {
		if p.check(p.data) == nil {
			t.Errorf("image %d passes for its own alteration", i)
		}
		for j, result := range results {
			if err := p.check(result); (err == nil) != (i == j) {
				t.Errorf("the alteration of image %d passes for that of %d: %v", j, i, err)
			}
		}
	}
}

// altered is an image with red and blue in each other's place.
func altered(t *testing.T, p print) []byte {
	t.Helper()
	m, format, err := image.Decode(bytes.NewReader(p.data))
	if err != nil {
		t.Fatal(err)
	}
	s := image.NewNRGBA(m.Bounds())
	for y := range m.Bounds().Dy() {
		for x := range m.Bounds().Dx() {
			c := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
			s.SetNRGBA(x, y, color.NRGBA{c.B, c.G, c.R, c.A})
		}
	}
	var buf bytes.Buffer
	if format == "png" {
		err = png.Encode(&buf, s)
	} else {
		err = jpeg.Encode(&buf, s, &jpeg.Options{Quality: 100})
	}
	if err != nil {
		t.Fatal(err)
	}
	if p.photo != "" {
		return slices.Concat(buf.Bytes()[:2], comment(p.seed), buf.Bytes()[2:])
	}
	return buf.Bytes()
}
