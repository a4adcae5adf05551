package master

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"minilab/internal/lab"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
)

// made is the results of a task, wanted or there.
func made(t taskdb.Task) []lab.Made {
	var facts struct {
		Outputs []struct {
			Name          string
			Width, Height int
		}
	}
	_ = json.Unmarshal(t.Facts, &facts) // a worker in another language may tell other things
	list := make([]lab.Made, len(t.Outputs))
	for i, o := range t.Outputs {
		list[i] = lab.Made{Name: o.Name, Pipeline: o.Pipeline.String(), Photo: photo(o.Blob)}
		for _, f := range facts.Outputs {
			if f.Name == o.Name {
				list[i].Width, list[i].Height = f.Width, f.Height
			}
		}
	}
	return list
}

// Result implements lab.Customers.
func (m *Master) Result(ctx context.Context, ref lab.Ref, output string) (lab.Result, error) {
	t, err := m.find(ctx, ref)
	if err != nil {
		return lab.Result{}, err
	}
	out, err := outputOf(t, output)
	if err != nil {
		return lab.Result{}, err
	}
	switch t.State {
	case taskdb.Finished:
		return m.result(storage.Finished, out, t.FinishedAt), nil
	case taskdb.Failed:
		return lab.Result{}, lab.ErrFailed.Detailf("%s", t.Error.Detail)
	case taskdb.Canceled:
		return lab.Result{}, lab.ErrCanceled
	}
	return lab.Result{}, lab.ErrNotFinished.Retry(notFinishedRetry)
}

// outputOf finds an output by its name; without one it is the first.
func outputOf(t taskdb.Task, name string) (taskdb.Output, error) {
	if name == "" {
		return t.Outputs[0], nil
	}
	i := slices.IndexFunc(t.Outputs, func(o taskdb.Output) bool { return o.Name == name })
	if i >= 0 {
		return t.Outputs[i], nil
	}
	if t.Outputs[0].Name == "" {
		return taskdb.Output{}, lab.ErrOutputName.Detailf("the task has one output, which has no name")
	}
	names := make([]string, len(t.Outputs))
	for i, o := range t.Outputs {
		names[i] = o.Name
	}
	return taskdb.Output{}, lab.ErrOutputName.Detailf("the task has the outputs %s", strings.Join(names, ", "))
}

// Original implements lab.Customers.
func (m *Master) Original(ctx context.Context, ref lab.Ref) (lab.Result, error) {
	t, err := m.find(ctx, ref)
	if err != nil {
		return lab.Result{}, err
	}
	return m.result(storage.InProgress, taskdb.Output{Blob: t.Source}, t.CreatedAt), nil
}

func (m *Master) result(state storage.State, out taskdb.Output, modified time.Time) lab.Result {
	return lab.Result{
		Output: out.Name, ContentType: out.ContentType, Size: out.Size, SHA256: out.SHA256, Modified: modified,
		Open: func(ctx context.Context, offset, length int64) (io.ReadCloser, error) {
			return m.open(ctx, state, out.Blob, storage.Part{Offset: offset, Length: length})
		},
	}
}

// open reads an image. The row says which bytes it has; what else the storage
// has under its key, or that it has nothing, is damage.
func (m *Master) open(ctx context.Context, state storage.State, b taskdb.Blob, part storage.Part) (io.ReadCloser, error) {
	o, err := m.Storage.Get(ctx, state, b.Key, part)
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, storage.ErrCorrupt.Detailf("the image's bytes are not in the storage any more").Because(err)
	case err != nil:
		return nil, err
	case o.SHA256 != b.SHA256:
		o.Body.Close()
		return nil, storage.ErrCorrupt.Detailf("the storage has other bytes than those of the image, and they are not served")
	}
	return o.Body, nil
}
