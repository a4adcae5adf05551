package batch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"

	"minilab/client"
)

// fingerprint is what is done to the images, as far as their results follow
// from it.
func (r *run) fingerprint(ctx context.Context) (string, error) {
	o := r.Order
	work := map[string]any{"pipeline": o.Pipeline, "outputs": o.Outputs, "preset": o.Preset, "partial": o.Partial}
	if o.Preset != "" {
		p, err := r.Lab.Preset(ctx, o.Preset)
		if err != nil && client.CodeOf(err) != client.CodeForbidden {
			return "", err
		}
		work["meaning"] = p // as it is today; who may not ask does with the name
	}
	text, err := json.Marshal(work)
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16]), err
}

// do takes an image as far as it can go.
func (r *run) do(ctx context.Context, img image) (n Note) {
	n = Note{Kind: Failed, Name: img.String()}
	source, err := sourceOf(ctx, img)
	if err != nil {
		n.Err = err
		return n
	}
	e, err := r.entryOf(img, source)
	if err != nil {
		n.Err = err
		return n
	}
	if r.present(ctx, e) {
		return Note{Kind: Present, Name: n.Name, Task: e.Task, Files: files(e.Results)}
	}
	task, err := r.task(ctx, img, &e)
	n.Task = task.ID
	switch {
	case err != nil:
		n.Err = err
		return n
	case r.Out == "" && !r.Wait:
		n.Kind = Submitted
		return n
	case task.State != client.Finished:
		n.Err, n.Failure = r.ended(img, e, task), task.Error
		return n
	case r.Out == "":
		n.Kind = Finished
		return n
	}
	if n.Files, n.Err = r.store(ctx, img, e, task); n.Err == nil {
		n.Kind = Finished
	}
	return n
}

// entryOf is what the journal knows of the image, if it is the same image and
// work; else a new entry, which keeps in mind what was stored before.
func (r *run) entryOf(img image, source string) (entry, error) {
	fresh := entry{From: strconv.Quote(where(img)), Source: source, Work: r.work}
	if r.journal == nil {
		return fresh, nil
	}
	was, ok := r.journal.known[img.name]
	switch {
	case !ok:
		return fresh, nil
	case was.Source == source && was.Work == r.work:
		was.From = fresh.From
		return was, nil
	case was.Source != source && was.From != fresh.From:
		return fresh, &imageError{fmt.Sprintf("the folder has the results of another %q, %s", img.name, was.From)}
	}
	fresh.Old = was.stored()
	return fresh, nil
}

// sourceOf is the digest of a file, which says whether it is the same as the
// last time, or the URL.
func sourceOf(ctx context.Context, img image) (string, error) {
	if img.url != "" {
		return img.url, nil
	}
	info, err := os.Stat(img.path)
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", &imageError{errNoFile.Error()}
	}
	return digestOf(ctx, img.path)
}

// digestOf is the SHA-256 of a file in hex.
func digestOf(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, reader{ctx, f})
	return hex.EncodeToString(h.Sum(nil)), err
}

// reader ends with its context: a file may be large and slow.
type reader struct {
	ctx context.Context //nolint:containedctx // as long as one call
	io.Reader
}

// Read implements io.Reader.
func (r reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(p)
}

// codeOtherOrder: the key was used with another keep, tag or callback.
const codeOtherOrder = "idempotency-mismatch"

// task is the image's: the one that it had the last time, or a new one. With
// Out or Wait it has ended.
func (r *run) task(ctx context.Context, img image, e *entry) (client.Task, error) {
	if e.Task != "" && !e.Ended {
		t, err := r.wait(ctx, client.Task{ID: e.Task})
		if client.CodeOf(err) != client.CodeNotFound && (err != nil || t.State == client.Finished) {
			return t, err
		}
		e.Ended = true // it is gone, or was no good
	}
	if e.Key == "" || e.Ended {
		*e = e.again()
	}
	t, err := r.submit(ctx, img, e)
	if client.CodeOf(err) == codeOtherOrder {
		*e = e.again()
		t, err = r.submit(ctx, img, e)
	}
	if err != nil {
		return t, err
	}
	return r.wait(ctx, t)
}

// submit hands the image in: the journal knows of it before and after.
func (r *run) submit(ctx context.Context, img image, e *entry) (client.Task, error) {
	if err := r.note(img, *e); err != nil {
		return client.Task{}, err
	}
	o := r.Order
	o.IdempotencyKey = e.Key
	t, err := r.Lab.Submit(ctx, img.source(), o)
	if err != nil {
		return t, err
	}
	e.Task = t.ID
	if s := t.Source; img.url == "" && s != nil && s.SHA256 != "" && s.SHA256 != e.Source {
		return t, &imageError{"it has changed while it was handed in"}
	}
	return t, r.note(img, *e)
}

func (r *run) note(img image, e entry) error {
	if r.journal == nil {
		return nil
	}
	return r.journal.add(img.name, e)
}

func (r *run) wait(ctx context.Context, t client.Task) (client.Task, error) {
	if t.State.Ended() || r.Out == "" && !r.Wait {
		return t, nil
	}
	return r.Lab.Wait(ctx, t.ID)
}

// ended is the error of a task that has made nothing.
func (r *run) ended(img image, e entry, t client.Task) error {
	e.Ended = true
	if err := r.note(img, e); err != nil {
		return err
	}
	if t.Error != nil {
		return &imageError{t.Error.String()}
	}
	return &imageError{"the task is " + string(t.State)}
}
