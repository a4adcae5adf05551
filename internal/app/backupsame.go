package app

import (
	"context"
	"errors"
	"path/filepath"

	"minilab/internal/backup"
	"minilab/internal/fault"
	"minilab/internal/kv/sqlitekv"
	"minilab/internal/storage"
	"minilab/internal/taskdb/sqltaskdb/sqlite"
)

var errOther = fault.New(fault.Conflict, "other-backup", "the backup is of other data")

// same refuses to replace a backup by one of less, of another lab, or of this
// one after it was emptied: a disk that was not mounted must not take its backup
// with it.
func (c *copying) same(ctx context.Context) error {
	last := c.dir.Last()
	if last == nil {
		return nil
	}
	if err := c.asMuch(last); err != nil {
		return err
	}
	same, err := c.goesOn(ctx, last)
	if err == nil && !same {
		err = errOther.Detailf("%s holds a backup of other data than %s has: of another lab, or of this one before it was emptied; "+
			"it was left as it is; choose another folder, or remove that backup by hand if nobody needs it", c.dir.Path(), c.data)
	}
	return err
}

func (c *copying) asMuch(last *backup.Manifest) error {
	for _, part := range []struct {
		name     string
		had, has bool
	}{{"key-value store", last.KV != nil, c.kv}, {"task database", last.Taskdb != nil, c.db}, {"storage", last.Images != nil, c.images != nil}} {
		if part.had && !part.has {
			return errOther.Detailf("the backup holds a %s and %s does not; give each data folder a backup of its own", part.name, c.data)
		}
	}
	return nil
}

// goesOn says whether the folder has what the last backup has, later. Where
// there is a task database, it speaks for the whole folder.
func (c *copying) goesOn(ctx context.Context, last *backup.Manifest) (bool, error) {
	switch {
	case last.Taskdb != nil:
		return c.sameTasks(ctx, last)
	case last.Count > 0:
		return c.anyImage(ctx)
	case last.KV != nil:
		return c.notEarlier(ctx, last)
	}
	return true, nil
}

// sameTasks goes by the identities or, where the backup is older than those,
// by the feed.
func (c *copying) sameTasks(ctx context.Context, last *backup.Manifest) (bool, error) {
	path := filepath.Join(c.data, taskdbFile)
	if last.Identity != "" {
		id, err := identityOf(ctx, path)
		return id == last.Identity, err
	}
	now, err := sqlite.OpenFile(ctx, path)
	if err != nil {
		return false, err
	}
	defer func() { _ = now.Close() }() // it was only read
	before, err := sqlite.OpenFile(ctx, c.dir.File(last.Taskdb))
	if err != nil {
		return false, err
	}
	defer func() { _ = before.Close() }()
	return now.Follows(ctx, before)
}

func identityOf(ctx context.Context, path string) (string, error) {
	f, err := sqlite.OpenFile(ctx, path)
	if err != nil {
		return "", err
	}
	id, err := f.Identity(ctx)
	return id, errors.Join(err, f.Close())
}

// anyImage says whether one of the last backup's images is still there. Where
// no task says what was deleted on purpose, a storage without any is another.
func (c *copying) anyImage(ctx context.Context) (bool, error) {
	for i, err := range c.dir.Images() {
		if err != nil {
			return false, err
		}
		now, err := c.images.Stat(ctx, i.State, i.Key)
		if err == nil && now.SHA256 == i.SHA256 {
			return true, nil
		}
		if err != nil && !errors.Is(err, storage.ErrNotFound) && !errors.Is(err, storage.ErrCorrupt) {
			return false, err
		}
	}
	return false, nil
}

// notEarlier says whether the key-value store is at least at the revision that
// the last backup's is at: a new one begins at 0.
func (c *copying) notEarlier(ctx context.Context, last *backup.Manifest) (bool, error) {
	before, err := sqlitekv.Revision(ctx, c.dir.File(last.KV))
	if err != nil {
		return false, err
	}
	now, err := sqlitekv.Revision(ctx, filepath.Join(c.data, kvFile))
	return now >= before, err
}
