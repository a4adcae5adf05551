package sqltaskdb

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"minilab/internal/fault"
	"minilab/internal/taskdb"
)

// FuzzRules: the contract's rules for what comes from outside. A cursor leads
// back to the id and the direction that it was given out for; what is let in
// can be kept, and read back as it was.
func FuzzRules(f *testing.F) {
	f.Add("0190-a", ">a", []byte(`{"id":"a","pipeline":[{"op":"swap"}],"source":{"key":"k"},"outputs":[{"name":"x"}]}`), true)
	f.Add("not-started", "PGE", []byte(`{"id":"A"}`), false)
	f.Add("\xff\x00", "", []byte(`{"id":"a","pipeline":"swap","source":{"key":"k"},"callback":"http://h","runAt":"2026-01-02T03:04:05Z","keep":7,"tags":["t"]}`), false)
	f.Add("", "", []byte(`{"id":"a","pipeline":"swap","source":{"key":"k"},"runAt":"1970-01-01T00:00:00.0000003Z"}`), false)
	f.Fuzz(func(t *testing.T, id, text string, task []byte, descending bool) {
		cursors(t, taskdb.Filter{Descending: descending}, id, text)
		clamped(t, taskdb.Error{Code: id, Detail: text + id})
		var wanted taskdb.Task
		if json.Unmarshal(task, &wanted) == nil {
			kept(t, wanted)
		}
		finished(t, id, task)
	})
}

func cursors(t *testing.T, f taskdb.Filter, id, text string) {
	if taskdb.CheckID(id) == nil {
		f.Cursor = writeCursor(f, id)
		if back, err := readCursor(f); err != nil || back != id {
			t.Errorf("%q came back as %q, %v", id, back, err)
		}
		f.Descending = !f.Descending
		if _, err := readCursor(f); !errors.Is(err, taskdb.ErrCursor) {
			t.Errorf("a cursor of the other direction: %v", err)
		}
	}
	f.Cursor = text
	if after, err := readCursor(f); err == nil && text != "" && taskdb.CheckID(after) != nil {
		t.Errorf("%q is taken for a cursor behind %q", text, after)
	}
}

func clamped(t *testing.T, e taskdb.Error) {
	c := taskdb.ClampError(e)
	if c.Code == "" || len(c.Code) > taskdb.MaxName || len(c.Detail) > taskdb.MaxDetail || !utf8.ValidString(c.Code+c.Detail) || strings.Contains(c.Code+c.Detail, "\x00") {
		t.Errorf("%+v is cut to %+v", e, c)
	}
	if again := taskdb.ClampError(c); again != c {
		t.Errorf("%+v is cut again to %+v", c, again)
	}
}

// kept: a task that is let in reads back as it was wanted.
func kept(t *testing.T, wanted taskdb.Task) {
	r, err := newRow(wanted)
	if err != nil {
		if _, ok := errors.AsType[*fault.Fault](err); !ok {
			t.Errorf("refused with %v", err)
		}
		return
	}
	runAt := wanted.RunAt.Truncate(time.Microsecond)
	if runAt.UnixMicro() == 0 {
		runAt = time.Time{}
	}
	got, err := r.task()
	if err != nil || got.ID != wanted.ID || got.Pipeline.String() != wanted.Pipeline.String() || !got.RunAt.Equal(runAt) ||
		strings.Join(got.Tags, "\n") != strings.Join(wanted.Tags, "\n") || len(got.Outputs) != max(1, len(wanted.Outputs)) || got.Keep != wanted.Keep.Truncate(1000) {
		t.Errorf("%+v reads back as %+v, %v", wanted, got, err)
	}
	for i, o := range wanted.Outputs {
		if got.Outputs[i].Name != o.Name || got.Outputs[i].Pipeline.String() != o.Pipeline.String() {
			t.Errorf("the output %+v reads back as %+v", o, got.Outputs[i])
		}
	}
}

// finished: results that are accepted are of every wanted output, and the same
// report gives the same row again.
func finished(t *testing.T, lease string, report []byte) {
	var f taskdb.Finish
	if json.Unmarshal(report, &f) != nil {
		return
	}
	f.Lease = lease
	h := held{outputs: `[{"name":""},{"name":"x"}]`}
	outputs, facts, err := results(h, f)
	if err != nil {
		if !errors.Is(err, taskdb.ErrTask) {
			t.Errorf("refused with %v", err)
		}
		return
	}
	h.outputs = outputs
	if again, same, err := results(h, f); err != nil || again != outputs || same != facts {
		t.Errorf("%s %s, again %s %s, %v", outputs, facts, again, same, err)
	}
}
