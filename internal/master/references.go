package master

import (
	"context"
	"errors"
	"net/url"
	"slices"

	"minilab/internal/fault"
	"minilab/internal/kv"
	"minilab/internal/lab"
	"minilab/internal/pipeline"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
)

// checkReferences refuses a task that asks for images that are not there, or not
// its owner's, and says which operation does.
func (m *Master) checkReferences(ctx context.Context, t taskdb.Task) error {
	checked := make(map[string]bool)
	if err := m.checkSteps(ctx, t, t.Pipeline, checked); err != nil {
		return err
	}
	for _, o := range t.Outputs {
		err := m.checkSteps(ctx, t, o.Pipeline, checked)
		if errors.Is(err, lab.ErrReference) {
			err = lab.ErrReference.Detailf("output %q: %s", o.Name, fault.From(err).Detail)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *Master) checkSteps(ctx context.Context, t taskdb.Task, p pipeline.Pipeline, checked map[string]bool) error {
	for i, s := range p {
		for _, name := range s.References() {
			if checked[name] {
				continue
			}
			if checked[name] = true; len(checked) > lab.MaxAttachments {
				return lab.ErrReference.Detailf("at operation %d: a task asks for at most %d further images", i+1, lab.MaxAttachments)
			}
			err := m.checkReference(ctx, t.Owner, name)
			if errors.Is(err, lab.ErrReference) {
				err = lab.ErrReference.Detailf("at operation %d: %s: %s", i+1, s.Op(), fault.From(err).Detail).Because(err)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// checkReference is ErrReference unless the image is there.
func (m *Master) checkReference(ctx context.Context, owner, name string) error {
	a, err := m.attachment(ctx, owner, name)
	if err != nil || a.Entry == "" {
		return err
	}
	_, err = m.Watermarks.Get(ctx, a.Entry)
	if errors.Is(err, kv.ErrNotFound) || errors.Is(err, kv.ErrKey) {
		return lab.ErrReference.Detailf("there is no image %q under %s in the key-value store, and it is no task's ID", name, lab.WatermarkPrefix)
	}
	return err
}

// attachments are the further images that a task asks for, as they are now.
func (m *Master) attachments(ctx context.Context, t taskdb.Task) ([]lab.Attachment, error) {
	names := t.Pipeline.References()
	for _, o := range t.Outputs {
		names = append(names, o.Pipeline.References()...)
	}
	var list []lab.Attachment
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			continue
		}
		a, err := m.attachment(ctx, t.Owner, name)
		if err != nil {
			return nil, err
		}
		list = append(list, a)
	}
	return list, nil
}

// attachment is where an image is. That of a task is looked up; whether the
// key-value store has one shows when it is read.
func (m *Master) attachment(ctx context.Context, owner, name string) (lab.Attachment, error) {
	if id, output, ok := lab.TaskReference(name); ok {
		return m.resultOf(ctx, owner, name, id, output)
	}
	if m.Watermarks == nil || !lab.IsWatermarkName(name) {
		return lab.Attachment{}, lab.ErrReference.Detailf("%q is the name of no image", name)
	}
	a := lab.Attachment{Name: name, Entry: lab.WatermarkPrefix + name}
	if m.KVURL == nil {
		return a, nil
	}
	if base := m.KVURL(); base != "" {
		a.URL = base + "/kv/" + url.PathEscape(a.Entry)
	}
	return a, nil
}

// resultOf is an output of another task. Whose task it is not, is told the same
// as if there were none.
func (m *Master) resultOf(ctx context.Context, owner, name, id, output string) (lab.Attachment, error) {
	t, err := m.find(ctx, lab.Ref{Owner: ownerOr(owner), ID: id})
	if errors.Is(err, lab.ErrNotFound) {
		return lab.Attachment{}, lab.ErrReference.Detailf("there is no task %s", id)
	}
	if err != nil {
		return lab.Attachment{}, err
	}
	if t.State != taskdb.Finished {
		return lab.Attachment{}, lab.ErrReference.Detailf("the task %s has not finished: it is %s", id, t.State)
	}
	o, err := outputOf(t, output)
	if err != nil {
		return lab.Attachment{}, lab.ErrReference.Detailf("%s: %s", id, fault.From(err).Detail)
	}
	if o.Size > lab.MaxAttachment {
		return lab.Attachment{}, lab.ErrReference.Detailf("the result of the task %s has %d bytes, and an image to be laid over others at most %d", id, o.Size, lab.MaxAttachment)
	}
	return lab.Attachment{
		Name: name, Key: o.Key, URL: imageURL(m.StorageURL(), storage.Finished, o.Key),
		ContentType: o.ContentType, Size: o.Size, SHA256: o.SHA256,
	}, nil
}

func ownerOr(owner string) string {
	if owner == "" {
		return taskdb.DefaultOwner
	}
	return owner
}

// handedOut is claimed work as workers get it. What asks for an image that has
// gone fails at once, and what cannot be looked up now is given back.
func (m *Master) handedOut(ctx context.Context, claimed []taskdb.Claimed) []lab.Work {
	base := m.StorageURL()
	list := make([]lab.Work, 0, len(claimed))
	for _, c := range claimed {
		w := work(c, base)
		var err error
		if w.Attachments, err = m.attachments(ctx, c.Task); err != nil {
			m.withhold(ctx, w, err)
			continue
		}
		list = append(list, w)
	}
	return list
}

// withhold ends the attempt at work that nobody can do.
func (m *Master) withhold(ctx context.Context, w lab.Work, why error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTime)
	defer cancel()
	var err error
	if errors.Is(why, lab.ErrReference) {
		f := fault.From(why)
		err = m.Fail(ctx, w.ID, w.Lease, lab.Failure{Error: lab.Error{Code: f.Code, Detail: f.Detail}})
	} else {
		err = m.Release(ctx, w.ID, w.Lease)
	}
	m.Log.InfoContext(ctx, "work is not handed out", "task_id", w.ID, "reason", why, "error", err)
}
