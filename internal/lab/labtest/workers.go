package labtest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"minilab/internal/fault"
	"minilab/internal/lab"
	"minilab/internal/storage"
)

func testLiars(t *testing.T, f Fixture) {
	id := submit(t, f, lab.Submission{})
	w := claim(t, f)
	honest := produce(t, f, w, "altered")
	const other = "another-key"
	if _, err := f.Storage.Put(t.Context(), storage.Finished, other, strings.NewReader("altered"), storage.PutOptions{Size: 7}); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*lab.Output){
		"another size":   func(o *lab.Output) { o.Size++ },
		"another digest": func(o *lab.Output) { o.SHA256 = digest("else") },
		"another key":    func(o *lab.Output) { o.Key = other },
		"no key":         func(o *lab.Output) { o.Key = "" },
		"another name":   func(o *lab.Output) { o.Name = "thumb" },
	} {
		lie := lab.Report{Outputs: slices.Clone(honest.Outputs)}
		change(&lie.Outputs[0])
		want(t, "Finish with "+what, f.Lab.Finish(t.Context(), id, w.Lease, lie), lab.ErrOutput)
	}
	want(t, "Finish with no output", f.Lab.Finish(t.Context(), id, w.Lease, lab.Report{}), lab.ErrOutput)
	twice := lab.Report{Outputs: append(slices.Clone(honest.Outputs), honest.Outputs...)}
	want(t, "Finish with an output twice", f.Lab.Finish(t.Context(), id, w.Lease, twice), lab.ErrOutput)
	if st := status(t, f, id); st.State.Ended() {
		t.Errorf("after lies the task is %s", st.State)
	}
	if err := f.Lab.Finish(t.Context(), id, w.Lease, honest); err != nil {
		t.Errorf("Finish with the truth: %v", err)
	}
}

func testRepeatedFinish(t *testing.T, f Fixture) {
	submit(t, f, lab.Submission{})
	w := claim(t, f)
	r := produce(t, f, w, "altered")
	for range 3 {
		if err := f.Lab.Finish(t.Context(), w.ID, w.Lease, r); err != nil {
			t.Errorf("Finish: %v", err)
		}
	}
}

func testLostLease(t *testing.T, f Fixture) {
	submit(t, f, lab.Submission{})
	old := claim(t, f)
	report := produce(t, f, old, "old")
	if err := f.Lab.Release(t.Context(), old.ID, old.Lease); err != nil {
		t.Fatal(err)
	}
	now := claim(t, f)
	if now.ID != old.ID || now.Lease == old.Lease || now.Outputs[0].Key == old.Outputs[0].Key {
		t.Fatalf("the second attempt is %+v after %+v", now, old)
	}
	for _, c := range []struct{ id, lease string }{
		{old.ID, old.Lease}, {old.ID, ""}, {old.ID, "nonsense"}, {old.ID, now.Lease + "x"}, {old.ID, strings.Repeat("9", 300)},
		{"unknown", now.Lease}, {"NOT AN ID", now.Lease}, {"", ""},
	} {
		what := fmt.Sprintf(" of %.20q with %.20q", c.id, c.lease)
		ctx := t.Context()
		want(t, "Heartbeat"+what, f.Lab.Heartbeat(ctx, c.id, c.lease, lab.Beat{}), lab.ErrLeaseLost)
		want(t, "Finish"+what, f.Lab.Finish(ctx, c.id, c.lease, report), lab.ErrLeaseLost)
		want(t, "Fail"+what, f.Lab.Fail(ctx, c.id, c.lease, lab.Failure{Error: lab.Error{Code: "c"}}), lab.ErrLeaseLost)
		want(t, "Release"+what, f.Lab.Release(ctx, c.id, c.lease), lab.ErrLeaseLost)
	}
	finish(t, f, now, "altered")
	want(t, "Finish after another", f.Lab.Finish(t.Context(), old.ID, old.Lease, report), lab.ErrLeaseLost)
	if got := read(t, f, now.ID, 0, 0); got != "altered" {
		t.Errorf("the result is %q", got)
	}
}

func testRelease(t *testing.T, f Fixture) {
	id := submit(t, f, lab.Submission{})
	for range 30 { // more often than any counter allows
		w := claim(t, f)
		if err := f.Lab.Release(t.Context(), id, w.Lease); err != nil {
			t.Fatalf("Release: %v", err)
		}
	}
	finish(t, f, claim(t, f), "altered")
}

func testFinalFailure(t *testing.T, f Fixture) {
	id := submit(t, f, lab.Submission{})
	w := claim(t, f)
	reason := lab.Error{Code: "broken-image", Detail: "the image ends too early"}
	if err := f.Lab.Fail(t.Context(), id, w.Lease, lab.Failure{Error: reason}); err != nil {
		t.Fatalf("Fail: %v", err)
	}
	if st := status(t, f, id); st.State != lab.Failed || st.Error == nil || *st.Error != reason {
		t.Errorf("status is %+v", st)
	}
	_, err := f.Lab.Result(t.Context(), lab.Ref{ID: id}, "")
	want(t, "Result", err, lab.ErrFailed)
	if fault.From(err).Detail != reason.Detail {
		t.Errorf("the reason told is %q", fault.From(err).Detail)
	}
}

func testRetriedFailure(t *testing.T, f Fixture) {
	id := submit(t, f, lab.Submission{})
	w := claim(t, f)
	if err := f.Lab.Fail(t.Context(), id, w.Lease, lab.Failure{Error: lab.Error{Code: "internal", Detail: "d"}, Retry: true}); err != nil {
		t.Fatalf("Fail: %v", err)
	}
	if st := status(t, f, id); st.State.Ended() || st.Error == nil || st.Error.Code != "internal" {
		t.Errorf("status is %+v", st)
	}
	finish(t, f, claim(t, f), "altered")
}

func testRepeatedRequest(t *testing.T, f Fixture) {
	submit(t, f, lab.Submission{})
	submit(t, f, lab.Submission{})
	r := lab.ClaimRequest{Worker: "w", Max: 1, Request: "r1"}
	var leases []string
	for range 3 {
		list, err := f.Lab.Claim(t.Context(), r)
		if err != nil || len(list) != 1 {
			t.Fatalf("Claim: %+v, %v", list, err)
		}
		leases = append(leases, list[0].ID+list[0].Lease)
	}
	if leases[0] != leases[1] || leases[0] != leases[2] {
		t.Errorf("leases are %q", leases)
	}
	r.Request = "r2"
	if list, err := f.Lab.Claim(t.Context(), r); err != nil || len(list) != 1 || list[0].ID+list[0].Lease == leases[0] {
		t.Errorf("another request: %+v, %v", list, err)
	}
}

func testClaimWaits(t *testing.T, f Fixture) {
	got := make(chan lab.Work)
	go func() { got <- claim(t, f) }()
	id := submit(t, f, lab.Submission{})
	if w := <-got; w.ID != id {
		t.Errorf("the waiter got %+v", w)
	}
}

func testNoWork(t *testing.T, f Fixture) {
	for _, wait := range []time.Duration{0, 20 * time.Millisecond} {
		list, err := f.Lab.Claim(t.Context(), lab.ClaimRequest{Worker: "w", Wait: wait})
		if err != nil || len(list) != 0 {
			t.Errorf("Claim: %+v, %v", list, err)
		}
	}
	submit(t, f, lab.Submission{})
	list, err := f.Lab.Claim(t.Context(), lab.ClaimRequest{Worker: "w", Accepts: []string{"operations/other"}})
	if err != nil || len(list) != 0 {
		t.Errorf("a worker that accepts other work got %+v, %v", list, err)
	}
}

func testClaimMany(t *testing.T, f Fixture) {
	for range 5 {
		submit(t, f, lab.Submission{})
	}
	for _, n := range []int{3, 2, 0} {
		list, err := f.Lab.Claim(t.Context(), lab.ClaimRequest{Worker: "w", Max: 3})
		if err != nil || len(list) != n {
			t.Errorf("Claim: %d tasks, want %d, %v", len(list), n, err)
		}
	}
}

func testNeverTwice(t *testing.T, f Fixture) {
	const tasks, workers = 40, 8
	for range tasks {
		submit(t, f, lab.Submission{})
	}
	var mu sync.Mutex
	seen := map[string]int{}
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			for {
				list, err := f.Lab.Claim(t.Context(), lab.ClaimRequest{Worker: fmt.Sprint(i), Max: 3})
				if err != nil {
					t.Errorf("Claim: %v", err)
				}
				if len(list) == 0 {
					return
				}
				mu.Lock()
				for _, w := range list {
					seen[w.ID]++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(seen) != tasks {
		t.Errorf("%d of %d tasks were handed out", len(seen), tasks)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was handed out %d times", id, n)
		}
	}
}
