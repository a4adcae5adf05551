package master_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"minilab/internal/fault"
	"minilab/internal/lab"
	"minilab/internal/master"
	"minilab/internal/master/mastertest"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
)

// meddled is a task database in whose calls the test meddles.
type meddled struct {
	taskdb.Store
	create func(call int, made error) error
	found  func() // a task was read
	stats  func()
	calls  int
}

func (m *meddled) Create(ctx context.Context, t taskdb.Task) (taskdb.Task, bool, error) {
	task, created, err := m.Store.Create(ctx, t)
	m.calls++
	if m.create != nil {
		err = m.create(m.calls, err)
	}
	return task, created, err
}

func (m *meddled) Get(ctx context.Context, id string) (taskdb.Task, error) {
	t, err := m.Store.Get(ctx, id)
	if f := m.found; f != nil {
		m.found = nil
		f()
	}
	return t, err
}

func (m *meddled) Stats(ctx context.Context) (taskdb.Stats, error) {
	if m.stats != nil {
		m.stats()
	}
	return m.Store.Stats(ctx)
}

// open makes a master over a task database to meddle with.
func open(t *testing.T) (lab.Lab, *meddled, storage.Store) {
	t.Helper()
	tasks := &meddled{}
	f := mastertest.OpenWith(t, func(s taskdb.Store) taskdb.Store {
		tasks.Store = s
		return tasks
	})
	return f.Lab, tasks, f.Storage
}

var errRefused = fault.New(fault.Invalid, "http-400", "answered 400")

func TestBytesStayOnceATaskMayExist(t *testing.T) {
	for name, c := range map[string]struct {
		answers []error // to the first calls; nil: what is true
		kept    int
	}{
		"refused at once":                  {[]error{errRefused}, 0},
		"the queue is full":                {[]error{taskdb.ErrQueueFull}, 0},
		"unknown, then it exists":          {[]error{fault.ErrUnavailable, nil}, 1},
		"unknown, then refused by another": {[]error{fault.ErrUnavailable, errRefused}, 1},
		"unknown for ever":                 {[]error{fault.ErrUnavailable, fault.ErrUnavailable, fault.ErrUnavailable, fault.ErrUnavailable}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			m, tasks, images := open(t)
			tasks.create = func(call int, made error) error {
				if call <= len(c.answers) && c.answers[call-1] != nil {
					return c.answers[call-1]
				}
				return made
			}
			_, err := m.Submit(t.Context(), lab.Submission{Fresh: true, Size: 1}, strings.NewReader("x"))
			if last := c.answers[len(c.answers)-1]; last != nil && err == nil || last == nil && err != nil {
				t.Errorf("Submit: %v", err)
			}
			page, err := images.List(t.Context(), storage.InProgress, "", 0)
			if err != nil || len(page.Infos) != c.kept {
				t.Errorf("%d images are kept, %v; want %d", len(page.Infos), err, c.kept)
			}
		})
	}
}

func TestAnEndBeforeTheFeedIsReadIsNotMissed(t *testing.T) {
	m, tasks, _ := open(t)
	task, err := m.Submit(t.Context(), lab.Submission{Fresh: true, Size: 1}, strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	id := task.ID
	tasks.stats = func() { // the waiting has begun, and where to read on is not known yet
		if _, err := tasks.Cancel(t.Context(), id); err != nil {
			t.Error(err)
		}
	}
	st, err := m.Task(t.Context(), lab.Ref{ID: id}, lab.MaxWait)
	if err != nil || st.State != lab.Canceled {
		t.Errorf("status is %+v, %v", st, err)
	}
	if _, err := m.Result(t.Context(), lab.Ref{ID: id}, ""); !errors.Is(err, lab.ErrCanceled) {
		t.Errorf("Result: %v", err)
	}
}

// stored are the images that are there.
func stored(t *testing.T, images storage.Store) (list []string) {
	t.Helper()
	for _, state := range []storage.State{storage.InProgress, storage.Finished} {
		page, err := images.List(t.Context(), state, "", 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Infos {
			list = append(list, i.Key)
		}
	}
	return list
}

// TestATaskThatIsMadeTooLateIsNotAnsweredFor: its bytes may have been swept.
// Where that is known before it is made, it is not made.
func TestATaskThatIsMadeTooLateIsNotAnsweredFor(t *testing.T) {
	for name, c := range map[string]struct {
		before, within time.Duration // SubmitTime when it begins, and once it is made
		events         int64
	}{
		"late already":    {time.Nanosecond, time.Nanosecond, 0},
		"late when it is": {time.Hour, time.Nanosecond, 2},
		"early":           {time.Hour, time.Hour, 1},
	} {
		t.Run(name, func(t *testing.T) {
			l, tasks, images := open(t)
			m := l.(*master.Master)
			m.SubmitTime = c.before
			tasks.create = func(_ int, made error) error { m.SubmitTime = c.within; return made }
			task, err := m.Submit(t.Context(), lab.Submission{Fresh: true, Size: 1}, strings.NewReader("x"))
			late := c.events != 1
			if (fault.KindOf(err) == fault.Unavailable) != late || !late && err != nil {
				t.Errorf("Submit: %q, %v", task.ID, err)
			}
			stats, err := tasks.Stats(t.Context())
			if err != nil || stats.LastSeq != c.events || stats.Counts[taskdb.NotStarted] != c.events%2 {
				t.Errorf("the task stays behind: %+v, %v", stats, err)
			}
			if left := stored(t, images); len(left) != int(c.events%2) {
				t.Errorf("left are %v", left)
			}
		})
	}
}

// TestACopyThatTookTooLong makes no task, and nobody is told of one.
func TestACopyThatTookTooLong(t *testing.T) {
	l, tasks, images := open(t)
	m := l.(*master.Master)
	submit := func() (lab.Task, error) {
		return m.Submit(t.Context(), lab.Submission{Size: 1}, strings.NewReader("x"))
	}
	if _, err := submit(); err != nil {
		t.Fatal(err)
	}
	finish(t, m, images)
	before, err := tasks.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m.SubmitTime = time.Nanosecond
	if task, err := submit(); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("Submit: %+v, %v", task, err)
	}
	if after, err := tasks.Stats(t.Context()); err != nil || after.LastSeq != before.LastSeq {
		t.Errorf("the feed goes from %d to %d, %v", before.LastSeq, after.LastSeq, err)
	}
	if left := stored(t, images); len(left) != 2 {
		t.Errorf("left are %v", left)
	}
}

// TestACopyOfOtherBytes is no result, and does not stay.
func TestACopyOfOtherBytes(t *testing.T) {
	m, _, images := open(t)
	submit := func() lab.Task {
		task, err := m.Submit(t.Context(), lab.Submission{Size: 1}, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		return task
	}
	first := submit()
	key := finish(t, m, images)
	if _, err := images.Put(t.Context(), storage.Finished, key, strings.NewReader("other"), storage.PutOptions{Size: 5}); err != nil {
		t.Fatal(err)
	}
	second := submit()
	if left := stored(t, images); second.State != lab.NotStarted || len(left) != 3 || !slices.Contains(left, first.ID) || !slices.Contains(left, second.ID) || !slices.Contains(left, key) {
		t.Errorf("it is %s; left are %v", second.State, left)
	}
}

// TestALateTaskThatAnotherWasToldOf stays: whoever asked with the same
// idempotency key meanwhile counts on it.
func TestALateTaskThatAnotherWasToldOf(t *testing.T) {
	l, tasks, images := open(t)
	m := l.(*master.Master)
	m.SubmitTime = time.Hour
	submit := func() (lab.Task, error) {
		return m.Submit(t.Context(), lab.Submission{Fresh: true, Size: 1, IdempotencyKey: "k"}, strings.NewReader("x"))
	}
	var told lab.Task
	tasks.create = func(call int, made error) error {
		if call == 1 {
			var err error
			if told, err = submit(); err != nil {
				t.Error(err)
			}
			m.SubmitTime = time.Nanosecond
		}
		return made
	}
	task, err := submit()
	if err != nil || task.ID != told.ID {
		t.Errorf("Submit: %q, %v; the other was told of %q", task.ID, err, told.ID)
	}
	if _, err := m.Task(t.Context(), lab.Ref{ID: told.ID}, 0); err != nil {
		t.Error(err)
	}
	if left := stored(t, images); len(left) != 1 || left[0] != told.ID {
		t.Errorf("left are %v", left)
	}
}

// TestATaskThatFinishesWhileItIsDeleted leaves no result behind.
func TestATaskThatFinishesWhileItIsDeleted(t *testing.T) {
	m, tasks, images := open(t)
	task, err := m.Submit(t.Context(), lab.Submission{Fresh: true, Size: 1}, strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	tasks.found = func() { finish(t, m, images) }
	if err := m.Delete(t.Context(), lab.Ref{ID: task.ID}); err != nil {
		t.Fatal(err)
	}
	if left := stored(t, images); len(left) != 0 {
		t.Errorf("left are %v", left)
	}
}

// TestAResultThatIsNotWhatItWas is not served, and not taken for a task that
// nobody knows.
func TestAResultThatIsNotWhatItWas(t *testing.T) {
	for name, damage := range map[string]func(s storage.Store, key string) error{
		"gone": func(s storage.Store, key string) error { return s.Delete(t.Context(), storage.Finished, key) },
		"replaced": func(s storage.Store, key string) error {
			_, err := s.Put(t.Context(), storage.Finished, key, strings.NewReader("other"), storage.PutOptions{Size: 5})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, _, images := open(t)
			task, err := m.Submit(t.Context(), lab.Submission{Fresh: true, Size: 1}, strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			id := task.ID
			key := finish(t, m, images)
			res, err := m.Result(t.Context(), lab.Ref{ID: id}, "")
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(images, key); err != nil {
				t.Fatal(err)
			}
			for _, length := range []int64{0, 2} {
				if _, err := res.Open(t.Context(), 0, length); !errors.Is(err, storage.ErrCorrupt) {
					t.Errorf("%d bytes: %v", length, err)
				}
			}
		})
	}
}

// finish does the one task that there is and gives the key of its result.
func finish(t *testing.T, m lab.Lab, images storage.Store) (key string) {
	t.Helper()
	list, err := m.Claim(t.Context(), lab.ClaimRequest{Worker: "w"})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d works, %v", len(list), err)
	}
	w := list[0]
	key = w.Outputs[0].Key
	info, err := images.Put(t.Context(), storage.Finished, key, strings.NewReader("result"), storage.PutOptions{Size: 6})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Finish(t.Context(), w.ID, w.Lease, lab.Report{Outputs: []lab.Output{{Key: key, Size: info.Size, SHA256: info.SHA256}}}); err != nil {
		t.Fatal(err)
	}
	return key
}
