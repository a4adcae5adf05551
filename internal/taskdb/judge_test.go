package taskdb_test

import (
	"testing"
	"time"

	"minilab/internal/taskdb"
)

func TestJudge(t *testing.T) {
	fails := func(code string, retry bool) taskdb.Failure {
		return taskdb.Failure{Error: taskdb.Error{Code: code}, Retry: retry}
	}
	for _, c := range []struct {
		name                    string
		failures, crashes, lost int
		report                  taskdb.Failure
		want                    taskdb.Verdict
	}{
		{"the image's fault fails at once", 0, 0, 0, fails("not-an-image", false), taskdb.Verdict{State: taskdb.Failed}},
		{"an error that may pass", 0, 1, 9, fails("x", true), taskdb.Verdict{State: taskdb.NotStarted, Failures: 1, Crashes: 1, Lost: 9, Backoff: 1}},
		{"the last but one", 3, 0, 0, fails("x", true), taskdb.Verdict{State: taskdb.NotStarted, Failures: 4, Backoff: 4}},
		{"the last", 4, 0, 0, fails("x", true), taskdb.Verdict{State: taskdb.Failed, Failures: 5, Backoff: 5}},
		{"a crash", 4, 0, 0, fails("decoder-crashed", true), taskdb.Verdict{State: taskdb.NotStarted, Failures: 4, Crashes: 1, Backoff: 1}},
		{"the second crash", 4, 1, 0, fails("decoder-timeout", true), taskdb.Verdict{State: taskdb.Failed, Failures: 4, Crashes: 2, Backoff: 2}},
	} {
		task := taskdb.Task{Failures: c.failures, Crashes: c.crashes, Lost: c.lost}
		c.want.Error = taskdb.ClampError(c.report.Error)
		if got := taskdb.Judge(task, c.report); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestJudgeExpired(t *testing.T) {
	for lost := range taskdb.MaxLost {
		v := taskdb.JudgeExpired(taskdb.Task{Lost: lost, Failures: 3})
		want := taskdb.NotStarted
		if lost == taskdb.MaxLost-1 {
			want = taskdb.Failed
		}
		if v.State != want || v.Lost != lost+1 || v.Failures != 3 || v.Backoff != 0 || v.Error.Code == "" {
			t.Errorf("after %d: %+v", lost, v)
		}
	}
}

func TestBackoff(t *testing.T) {
	if taskdb.Backoff(0) != 0 || taskdb.Backoff(-1) != 0 {
		t.Error("without a failure there is a wait")
	}
	for n := 1; n <= 70; n++ {
		ceiling := 5 * time.Minute
		if n < 9 {
			ceiling = min(ceiling, time.Second<<n)
		}
		var longest time.Duration
		for range 200 {
			d := taskdb.Backoff(n)
			if d < 0 || d >= ceiling {
				t.Fatalf("wait %d is %v, the ceiling %v", n, d, ceiling)
			}
			longest = max(longest, d)
		}
		if longest < ceiling/2 {
			t.Errorf("of 200 waits %d the longest is %v of %v", n, longest, ceiling)
		}
	}
}
