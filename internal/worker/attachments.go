package worker

import (
	"bytes"
	"context"
	"errors"
	"io"

	"minilab/internal/engine"
	"minilab/internal/kv"
	"minilab/internal/lab"
	"minilab/internal/storage"
)

// attachments are further images by their names.
type attachments map[string]*engine.Buffer

// close frees the memory of all.
func (s attachments) close() {
	for _, b := range s {
		b.Close()
	}
}

// attach reads the further images that the work's operations ask for.
func (a *attempt) attach(ctx context.Context) (attachments, error) {
	all := make(attachments)
	for _, at := range a.work.Attachments {
		b, err := a.fetchAttachment(ctx, at)
		if err != nil {
			all.close()
			return nil, err
		}
		all[at.Name] = b
	}
	return all, nil
}

func (a *attempt) fetchAttachment(ctx context.Context, at lab.Attachment) (*engine.Buffer, error) {
	if at.Entry != "" {
		return a.entry(ctx, at)
	}
	o, err := a.Storage.Get(ctx, storage.Finished, at.Key, storage.Part{})
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return nil, lab.ErrReference.Detailf("the image %q to be laid over this one is not in the storage any more", at.Name)
	case errors.Is(err, storage.ErrCorrupt):
		return nil, damagedAttachment(at).Because(err)
	case err != nil:
		return nil, err
	}
	defer o.Body.Close()
	if at.SHA256 != "" && o.SHA256 != at.SHA256 {
		return nil, damagedAttachment(at)
	}
	return sealed("attachment", min(o.Size, lab.MaxAttachment), o.Body)
}

// entry reads an image from the key-value store. It may be another one than was
// there when the task was made: the work is done with what is there now.
func (a *attempt) entry(ctx context.Context, at lab.Attachment) (*engine.Buffer, error) {
	e, err := a.KV.Get(ctx, at.Entry)
	if errors.Is(err, kv.ErrNotFound) {
		return nil, lab.ErrReference.Detailf("the image %q to be laid over this one is not under %s in the key-value store any more", at.Name, lab.WatermarkPrefix)
	}
	if err != nil {
		return nil, err
	}
	return sealed("attachment", int64(len(e.Value)), bytes.NewReader(e.Value))
}

// sealed reads all into a buffer that never changes again.
func sealed(name string, size int64, r io.Reader) (*engine.Buffer, error) {
	b, err := engine.NewBuffer(name, max(size, 1))
	if err != nil {
		return nil, err
	}
	if _, err = io.Copy(b, r); err == nil {
		err = b.Seal()
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}
