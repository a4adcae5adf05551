package master

import (
	"context"
	"strings"

	"minilab/internal/lab"
	"minilab/internal/taskdb"
)

// view is what a customer is told of a task.
func view(t taskdb.Task) lab.Task {
	v := lab.Task{
		ID: t.ID, State: lab.State(t.State), Progress: t.Progress, Stage: t.Stage,
		Pipeline: t.Pipeline.String(), Outputs: made(t), Source: photo(t.Source),
		Priority: t.Priority, Callback: t.Callback, Facts: t.Facts,
		Failures: t.Failures, Crashes: t.Crashes, Lost: t.Lost,
		CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, StartedAt: t.StartedAt, FinishedAt: t.FinishedAt, ExpiresAt: t.ExpiresAt,
	}
	if t.Error != nil {
		v.Error = &lab.Error{Code: t.Error.Code, Detail: t.Error.Detail}
	}
	for _, tag := range t.Tags {
		if name, ok := strings.CutPrefix(tag, lab.PresetTag); ok {
			v.Preset = name
			continue
		}
		v.Tags = append(v.Tags, tag)
	}
	return v
}

func photo(b taskdb.Blob) lab.Photo {
	return lab.Photo{ContentType: b.ContentType, Size: b.Size, SHA256: b.SHA256}
}

// Tasks implements lab.Customers.
func (m *Master) Tasks(ctx context.Context, f lab.Filter) (lab.Page, error) {
	page, err := m.DB.List(ctx, taskdb.Filter{
		Owner: f.Owner, State: taskdb.State(f.State), Tag: f.Tag, Descending: !f.Ascending, Cursor: f.Cursor, Limit: f.Limit,
	})
	if err != nil {
		return lab.Page{}, translate(err)
	}
	out := lab.Page{Tasks: make([]lab.Task, len(page.Tasks)), Next: page.Next}
	for i, t := range page.Tasks {
		out.Tasks[i] = view(t)
	}
	return out, nil
}

// Cancel implements lab.Customers.
func (m *Master) Cancel(ctx context.Context, ref lab.Ref) (lab.Task, error) {
	return m.move(ctx, ref, m.DB.Cancel)
}

// Retry implements lab.Customers.
func (m *Master) Retry(ctx context.Context, ref lab.Ref) (lab.Task, error) {
	return m.move(ctx, ref, m.DB.Retry)
}

// move changes the state of a task of the ref's owner. A task's owner never
// changes, so nothing can come between.
func (m *Master) move(ctx context.Context, ref lab.Ref, do func(context.Context, string) (taskdb.Task, error)) (lab.Task, error) {
	if _, err := m.find(ctx, ref); err != nil {
		return lab.Task{}, err
	}
	t, err := do(ctx, ref.ID)
	if err != nil {
		return lab.Task{}, translate(err)
	}
	return view(t), nil
}

// Delete implements lab.Customers. The row goes first: bytes without one are
// swept if they cannot be deleted now, a row without bytes would be a lie.
func (m *Master) Delete(ctx context.Context, ref lab.Ref) error {
	if _, err := m.find(ctx, ref); err != nil {
		return err
	}
	t, err := m.DB.Delete(ctx, ref.ID) // which may have finished since
	if err != nil {
		return translate(err)
	}
	m.discardAll(ctx, t)
	return nil
}
