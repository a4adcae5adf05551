package images_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"minilab/internal/engine/enginetest"
	"minilab/internal/httpx"
	"minilab/internal/lab"
	"minilab/internal/lab/labhttp"
	"minilab/internal/pipeline"
	"minilab/internal/storage"
	"minilab/internal/storage/storagehttp"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/taskdbhttp"
	"minilab/internal/trials"
)

func TestMain(m *testing.M) { enginetest.Main(m) }

// TestOneOwnersCrashesStarveNobody: one owner's images crash the engine, each
// time; those of others, which came later, are done in turn all the same. The
// engine is one that does as the image says.
func TestOneOwnersCrashesStarveNobody(t *testing.T) {
	const flood, each = 60, 15
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	lab, err := trials.New("../../..", t.TempDir(), trials.SixProcesses,
		fmt.Sprintf("--workers=%d", workers), "--engine="+enginetest.Rogue(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if logs := lab.KillAll(); t.Failed() {
			t.Log(logs)
		}
	}()
	if err := lab.Start(ctx); err != nil {
		t.Fatal(err)
	}
	pids := pidsOf(lab)
	o := newOffice(ctx, t, lab)
	o.signal(syscall.SIGSTOP) // until all is there
	bad := o.order("mallory", "crash", flood)
	good := slices.Concat(o.order("ann", "ok", each), o.order("bob", "ok", each))
	o.signal(syscall.SIGCONT)
	for _, id := range good {
		if task := o.end(id); task.State != taskdb.Finished || task.Crashes+task.Failures+task.Lost != 0 {
			t.Errorf("%s's image is %+v", task.Owner, task)
		}
	}
	for _, id := range bad {
		if task := o.end(id); task.State != taskdb.Failed || task.Error.Code != "decoder-crashed" || task.Crashes != 2 || task.Token != 2 {
			t.Errorf("a bad image is %+v", task)
		}
	}
	// Owners are served in turn; a claim was waiting when the first images came.
	if claims := o.claims(good); len(claims) != 3 || claims["mallory"] > each+1+2*workers {
		t.Errorf("up to the last claim of a good image there were %v", claims)
	}
	if n := strings.Count(lab.Process("worker").Log(), "engine process failed"); n != 2*flood {
		t.Errorf("%d engine processes were lost to %d images", n, flood)
	}
	if now := pidsOf(lab); now != pids {
		t.Errorf("the processes are %s, and were %s", now, pids)
	}
	if err := lab.Stop(); err != nil {
		t.Error(err)
	}
}

// office orders work for owners, of which the frontend knows but one.
type office struct {
	*testing.T
	ctx     context.Context
	lab     *trials.Lab
	storage *storagehttp.Client
	tasks   *taskdbhttp.Client
}

func newOffice(ctx context.Context, t *testing.T, lab *trials.Lab) *office {
	transport := httpx.NewTransport()
	t.Cleanup(transport.CloseIdleConnections)
	return &office{
		T: t, ctx: ctx, lab: lab,
		storage: storagehttp.NewClient(httpx.NewClient(lab.URL("storage"), transport)),
		tasks:   taskdbhttp.NewClient(httpx.NewClient(lab.URL("taskdb"), transport)),
	}
}

// order stores n images and makes their tasks.
func (o *office) order(owner, image string, n int) []string {
	var ids []string
	for i := range n {
		id := fmt.Sprintf("%s-%d", owner, i)
		info, err := o.storage.Put(o.ctx, storage.InProgress, id, strings.NewReader(image+"\n"+id), storage.PutOptions{Size: storage.Unknown})
		if err != nil {
			o.Fatal(err)
		}
		task := taskdb.Task{ID: id, Owner: owner, Pipeline: pipeline.Default(), Source: taskdb.Blob{Key: id, Size: info.Size, SHA256: info.SHA256}}
		if _, _, err := o.tasks.Create(o.ctx, task); err != nil {
			o.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// end waits until the task has ended. Customers see their own tasks only, so it
// is the master who is asked.
func (o *office) end(id string) taskdb.Task {
	master := labhttp.NewClient(httpx.NewClient(o.lab.URL("master"), shared.Transport))
	for {
		t, err := master.Task(o.ctx, lab.Ref{ID: id}, lab.MaxWait)
		if err != nil {
			o.Fatal(err)
		}
		if t.State.Ended() {
			break
		}
	}
	task, err := o.tasks.Get(o.ctx, id)
	if err != nil {
		o.Fatal(err)
	}
	return task
}

// claims counts the claims by owner up to the last one of these tasks.
func (o *office) claims(ids []string) map[string]int {
	claims, left := map[string]int{}, len(ids)
	for after := int64(0); left > 0; {
		list, err := o.tasks.Events(o.ctx, after, 0, 0)
		if err != nil || len(list) == 0 {
			o.Fatal("the feed ends too early", err)
		}
		for _, e := range list {
			after = e.Seq
			if e.State != taskdb.InProgress || e.GotOn() || left == 0 {
				continue
			}
			claims[e.Owner]++
			if slices.Contains(ids, e.ID) {
				left--
			}
		}
	}
	return claims
}

func (o *office) signal(s syscall.Signal) {
	if err := o.lab.Signal("worker", s); err != nil {
		o.Fatal(err)
	}
}
