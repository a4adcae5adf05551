package workercheck_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"minilab/internal/workercheck"
)

// check runs checks with the worker of testdata that does this wrong.
func check(t *testing.T, wrong string, only ...string) (ok bool, out string) {
	t.Helper()
	var buf bytes.Buffer
	ok, err := workercheck.Run(t.Context(), workercheck.Options{
		Command: []string{"python3", "testdata/worker.py", wrong}, Operation: "keep", Only: only, Patience: 8 * time.Second, Out: &buf,
	})
	if err != nil {
		t.Fatal(err)
	}
	return ok, buf.String()
}

func TestAGoodWorkerPasses(t *testing.T) {
	t.Parallel()
	ok, out := check(t, "")
	if !ok || strings.Count(out, "ok  ") != len(workercheck.Checks) || strings.Contains(out, "FAILED") {
		t.Errorf("a good worker:\n%s", out)
	}
}

// TestABrokenWorkerIsFoundOut by the check that is about what it does wrong,
// and passes another that is not.
func TestABrokenWorkerIsFoundOut(t *testing.T) {
	for wrong, c := range map[string]struct{ by, says, passes string }{
		"asks elsewhere":       {"asks", "it has called: work", ""},
		"accepts nothing":      {"asks", "which does not have keep", ""},
		"has no name":          {"asks", "worker is missing", "finishes"},
		"does not wait":        {"waits", `wait="0s"`, "finishes"},
		"dies of no work":      {"waits", "the worker has ended (exit status 1)", "finishes"},
		"reads elsewhere":      {"reads", "did not happen", "asks"},
		"stores elsewhere":     {"stores", "was stored at", "reads"},
		"counts wrong":         {"finishes", "stored were", "stores"},
		"has no type":          {"finishes", "no contentType", "stores"},
		"has no token":         {"shows-token", `came with Authorization: "", wanted was "Bearer worker-check"`, "finishes"},
		"keeps the token":      {"shows-token", "GET /images/inProgress/", "finishes"},
		"reports twice":        {"reports-once", "called /workFinished for the same lease", "finishes"},
		"makes one output":     {"several-outputs", "answered 422 output-mismatch", "finishes"},
		"tries for ever":       {"broken-image", "with retry true", "finishes"},
		"says nothing":         {"broken-image", "a sentence to act on", "finishes"},
		"takes anything":       {"broken-image", "made a result of bytes that are no image", "finishes"},
		"trusts the source":    {"damaged-source", "published what it made of that", "finishes"},
		"gives up":             {"storage-away", "failed for good (storage: ", "finishes"},
		"is silent":            {"heartbeats", "0 heartbeats were accepted", "finishes"},
		"is deaf":              {"canceled", "called /workFinished for a lease", "heartbeats"},
		"dies of a lost lease": {"lease-lost", "the worker has ended (exit status 1)", "heartbeats"},
		"panics":               {"answer-lost", "then it called /workFailed", "finishes"},
		"hammers":              {"master-busy", "while every answer was 503", "finishes"},
		"dies of 503":          {"master-busy", "has ended", "finishes"},
		"dies of refusal":      {"master-away", "has ended", "finishes"},
		"never stops":          {"stops-idle", "it still runs", "finishes"},
		"drops its work":       {"stops-at-work", "kept its work", "stops-idle"},
	} {
		t.Run(wrong, func(t *testing.T) {
			t.Parallel()
			only := []string{c.by}
			if c.passes != "" {
				only = append(only, c.passes)
			}
			ok, out := check(t, wrong, only...)
			if ok || !strings.Contains(out, "FAILED  "+c.by) || !strings.Contains(out, c.says) {
				t.Errorf("want it to be found by %s, which says %q:\n%s", c.by, c.says, out)
			}
			if c.passes != "" && !strings.Contains(out, "ok      "+c.passes) {
				t.Errorf("want it to pass %s:\n%s", c.passes, out)
			}
		})
	}
}

func TestWhatCannotBeChecked(t *testing.T) {
	good := workercheck.Options{Command: []string{"true"}, Operation: "keep", Out: &bytes.Buffer{}}
	for want, change := range map[string]func(*workercheck.Options){
		"Give the command":                   func(o *workercheck.Options) { o.Command = nil },
		"a built-in operation has this name": func(o *workercheck.Options) { o.Operation = "swap" },
		"expected a JSON object":             func(o *workercheck.Options) { o.Declaration = []byte("x") },
		`unknown operation "other"`:          func(o *workercheck.Options) { o.Pipeline = "other" },
		"does not have the operation keep":   func(o *workercheck.Options) { o.Pipeline = "swap" },
		`there is no check "none"`:           func(o *workercheck.Options) { o.Only = []string{"none"} },
	} {
		o := good
		change(&o)
		if _, err := workercheck.Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
	var buf bytes.Buffer
	good.Out, good.Command, good.Only = &buf, []string{"/no/such/worker"}, []string{"asks"}
	if ok, err := workercheck.Run(t.Context(), good); ok || err != nil || !strings.Contains(buf.String(), "the worker cannot be started") {
		t.Errorf("a command that is not there: %v, %v, %s", ok, err, buf.String())
	}
}

// TestMain has more tests run at once than there are cores: they wait, mostly.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
