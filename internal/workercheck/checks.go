package workercheck

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"minilab/internal/lab"
	"minilab/internal/pipeline"
	"minilab/internal/taskdb"
)

// Checks are all of them, in the order in which they are made.
var Checks = []Check{
	{"asks", "asks the master for work, says who it is and that it accepts the operation", asks},
	{"waits", "has the master wait (wait=30s) instead of asking all the time; an answer without work is no error", waits},
	{"reads", "reads the image from source.url", reads},
	{"stores", "stores the result under outputs[].url", stores},
	{"finishes", "reports each output with its name, key, size, sha256 and contentType, and the lease", finishes},
	{"shows-token", "sends MINILAB_TOKEN as Authorization: Bearer with each call, as a lab with a secret wants it", showsToken},
	{"reports-once", "reports nothing more once a report was answered", reportsOnce},
	{"several-outputs", "makes every output that is wanted", severalOutputs},
	{"broken-image", "reports an image that it cannot do with a code and a sentence, and retry false", brokenImage},
	{"damaged-source", "compares the image with source.sha256; damage on the way is not the image's fault", damagedSource},
	{"storage-away", "does not blame the image when the storage refuses the result", storageAway},
	{"heartbeats", "sends heartbeats from the start, so that slow work keeps its lease", heartbeats},
	{"canceled", "drops the work when a heartbeat is answered by canceled, and goes on", canceled},
	{"lease-lost", "drops the work when a heartbeat is answered by lease-lost, and goes on", leaseLost},
	{"answer-lost", "repeats a report whose answer was lost, or leaves it, but does not make a failure of it", answerLost},
	{"master-busy", "lives on while the master answers 503, and does not hammer it", masterBusy},
	{"master-away", "lives on while the master cannot be reached", masterAway},
	{"stops-idle", "ends on SIGTERM while it waits for work", stopsIdle},
	{"stops-at-work", "on SIGTERM finishes its work or gives it back, and ends", stopsAtWork},
}

func asks(t *trial) error {
	if err := t.begin(); err != nil {
		return err
	}
	if err := t.until("a call of /getWork at $MINILAB_MASTER", some, getWork); err != nil {
		return err
	}
	calls, _ := t.proxy.seen(getWork)
	q := calls[0].query
	accepted := slices.ContainsFunc(q["accepts"], func(list string) bool {
		return slices.Contains(strings.Split(strings.ReplaceAll(list, " ", ""), ","), t.Operation)
	})
	switch {
	case !accepted:
		return fmt.Errorf("it accepts %q, which does not have %s: it would be given built-in work or none", q["accepts"], t.Operation)
	case q.Get("worker") == "":
		return errors.New("it does not say who it is: worker is missing")
	}
	return nil
}

// watchTime is how long an idle worker is watched, maxAsked how often it may ask
// meanwhile.
const (
	watchTime = 2 * time.Second
	maxAsked  = 4
)

func waits(t *trial) error {
	var told atomic.Bool
	t.proxy.broken(faults{instead: func(c call, w http.ResponseWriter) bool {
		if c.kind != getWork || !told.CompareAndSwap(false, true) {
			return false
		}
		w.WriteHeader(http.StatusNoContent)
		return true
	}})
	if err := t.begin(); err != nil {
		return err
	}
	if err := unreached(t.until("a call of /getWork", some, getWork)); err != nil {
		return err
	}
	if err := t.until("asking again after an answer without work (204)", func(calls []call) bool { return len(calls) > 1 }, getWork); err != nil {
		return err
	}
	t.pass(watchTime)
	calls, _ := t.proxy.seen(getWork)
	wait := calls[0].query.Get("wait")
	if d, err := time.ParseDuration(wait); (err != nil || d < time.Second) && strings.Trim(wait, "0123456789") != "" || wait == "" || wait == "0" {
		return fmt.Errorf("it asks with wait=%q: work would be found late, or the master be asked all the time", wait)
	}
	if len(calls) > 1+maxAsked {
		return fmt.Errorf("it has asked %d times within %v with nothing to do", len(calls)-1, watchTime)
	}
	return nil
}

func reads(t *trial) error {
	if _, err := t.beginWith(faults{}); err != nil {
		return err
	}
	w, err := t.taken()
	if err != nil {
		return unreached(err)
	}
	return t.until("reading "+w.Source.URL, answered(http.StatusOK), source)
}

func stores(t *trial) error {
	if _, err := t.beginWith(faults{}); err != nil {
		return err
	}
	w, err := t.taken()
	if err == nil {
		err = t.until("reading the source", answered(http.StatusOK), source)
	}
	if err != nil {
		return unreached(err)
	}
	if err := t.until("storing the result", some, store); err != nil {
		return err
	}
	calls, _ := t.proxy.seen(store)
	if !strings.HasSuffix(w.Outputs[0].URL, calls[0].path) {
		return fmt.Errorf("the result was stored at %s and wanted at %s", calls[0].path, w.Outputs[0].URL)
	}
	return nil
}

func finishes(t *trial) error {
	if _, err := t.beginWith(faults{}); err != nil {
		return err
	}
	w, err := t.taken()
	if err == nil {
		err = t.until("storing the result", answered(http.StatusCreated), store)
	}
	if err != nil {
		return unreached(err)
	}
	if err := t.until("the report to /workFinished", func(calls []call) bool { return some(calls) && calls[0].status != 0 }, workFinished); err != nil {
		return err
	}
	calls, _ := t.proxy.seen(workFinished)
	stored, _ := t.proxy.seen(store)
	return reported(calls[0], w, stored[len(stored)-1])
}

func showsToken(t *trial) error {
	id, err := t.beginWith(faults{})
	if err != nil {
		return err
	}
	if err := t.finished(id); err != nil {
		return unreached(err)
	}
	calls, _ := t.proxy.seen()
	for _, c := range calls {
		if c.token != "Bearer "+token {
			return fmt.Errorf("%s %s came with Authorization: %q, wanted was %q", c.method, c.path, c.token, "Bearer "+token)
		}
	}
	return nil
}

// reported says what is wrong with the report of one output.
func reported(c call, w work, stored call) error {
	var report lab.Report
	if !c.of(w) {
		return fmt.Errorf("the report is for id=%q lease=%q, the work was id=%q lease=%q", c.query.Get("id"), c.query.Get("lease"), w.ID, w.Lease)
	}
	if err := json.Unmarshal(c.body, &report); err != nil || len(report.Outputs) != 1 {
		return fmt.Errorf("the report has not one output: %.200s", c.body)
	}
	o := report.Outputs[0]
	switch {
	case o.SHA256 != stored.sha256 || o.Size != stored.size:
		return fmt.Errorf("reported are %d bytes with sha256 %q, stored were %d with %s", o.Size, o.SHA256, stored.size, stored.sha256)
	case o.Key != w.Outputs[0].Key || o.Name != w.Outputs[0].Name:
		return fmt.Errorf("reported is the output %q with key %q, wanted was %q with key %q", o.Name, o.Key, w.Outputs[0].Name, w.Outputs[0].Key)
	case o.ContentType == "":
		return errors.New("the report has no contentType")
	case c.status != http.StatusOK:
		return fmt.Errorf("the report was answered %d %s", c.status, c.code())
	}
	return nil
}

func reportsOnce(t *trial) error {
	id, err := t.beginWith(faults{})
	if err != nil {
		return err
	}
	w, err := t.taken()
	if err == nil {
		err = t.finished(id)
	}
	if err != nil {
		return unreached(err)
	}
	t.pass(watchTime / 2)
	if list := t.reports(w); len(list) > 1 {
		return fmt.Errorf("after /%s was answered it called /%s for the same lease", list[0].kind, list[1].kind)
	}
	return nil
}

func severalOutputs(t *trial) error {
	if err := t.begin(); err != nil {
		return err
	}
	id, err := t.give(t.Input, pipeline.Named{Name: "one"}, pipeline.Named{Name: "two"})
	if err != nil {
		return err
	}
	if _, err := t.taken(); err != nil {
		return unreached(err)
	}
	refused := ""
	err = t.until("the report to /workFinished", func(calls []call) bool {
		for _, c := range calls {
			if c.status >= http.StatusBadRequest {
				refused = fmt.Sprintf("the report of two outputs was answered %d %s", c.status, c.code())
			}
		}
		return refused != "" || answered(http.StatusOK)(calls)
	}, workFinished)
	if err == nil && refused != "" {
		return errors.New(refused)
	}
	if err != nil {
		return err
	}
	return t.finished(id)
}

func brokenImage(t *trial) error {
	if err := t.begin(); err != nil {
		return err
	}
	id, err := t.give(t.Broken)
	if err != nil {
		return err
	}
	w, err := t.taken()
	if err != nil {
		return unreached(err)
	}
	// Not by the task's state: after enough attempts it has failed for good too.
	err = t.until("a report", func([]call) bool { return len(t.reports(w)) > 0 }, workFinished, workFailed, workReleased)
	if err != nil {
		return err
	}
	report := t.reports(w)[0]
	var failure lab.Failure
	if report.kind == workFailed && json.Unmarshal(report.body, &failure) == nil && failure.Retry {
		return fmt.Errorf("it reported the failure with retry true: the image would be tried five times (%s)", report.body)
	}
	task, err := t.settled(id, taskdb.Failed, taskdb.Finished)
	switch {
	case task.State == taskdb.Finished:
		return errors.New("it made a result of bytes that are no image; if that is right, give it others with --broken FILE")
	case err != nil:
		return err
	case task.Error.Code == "" || len(task.Error.Detail) < 10:
		return fmt.Errorf("code and detail are %q and %q: people need a sentence to act on", task.Error.Code, task.Error.Detail)
	}
	return t.next()
}
