package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/dustin/go-humanize"

	"minilab/internal/backup"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
)

// errGone is of an image that is not there, or not the one that is needed.
var errGone = errors.New("it is not in the storage")

// save puts an image into the backup, or finds out why it cannot be. It looks
// twice: what was deleted may have come again since.
func (c *copying) save(ctx context.Context, n needed) error {
	for last := false; ; last = true {
		err := c.copyOne(ctx, n)
		if err == nil || !errors.Is(err, errGone) && !errors.Is(err, backup.ErrSource) {
			return err
		}
		if held, err := c.fromBackup(n); held || err != nil {
			return err
		}
		points, lookErr := c.points(ctx, n)
		if lookErr != nil {
			return lookErr
		}
		if !points {
			c.drop(n)
			return nil
		}
		if last {
			c.without(n, err)
			return nil
		}
	}
}

// copyOne copies the image that is under the key now, if it is the right one.
func (c *copying) copyOne(ctx context.Context, n needed) error {
	o, err := c.images.Get(ctx, n.state, n.Key, storage.Part{})
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return errGone
	case errors.Is(err, storage.ErrCorrupt) || errors.Is(err, storage.ErrKey) || errors.Is(err, storage.ErrUnreadable):
		return fmt.Errorf("%w: %w", backup.ErrSource, err)
	case err != nil:
		return err
	}
	defer o.Body.Close()
	if n.SHA256 != "" && o.SHA256 != n.SHA256 {
		return fmt.Errorf("%w: other bytes are there", errGone)
	}
	if err := c.dir.Add(ctx, o); err != nil {
		return err
	}
	return c.dir.Note(o.Info)
}

// fromBackup is for an image that an earlier backup has, whatever has become of
// it since.
func (c *copying) fromBackup(n needed) (held bool, err error) {
	if !c.dir.Holds(n.SHA256, n.Size) {
		return false, nil
	}
	return true, c.dir.Note(storage.Info{State: n.state, Key: n.Key, Size: n.Size, SHA256: n.SHA256, ContentType: n.ContentType})
}

// points says whether the image is still needed: by the task in the live
// database or, where there is no task, because it is there.
func (c *copying) points(ctx context.Context, n needed) (bool, error) {
	if n.task == "" {
		_, err := c.images.Stat(ctx, n.state, n.Key)
		return !errors.Is(err, storage.ErrNotFound), nil
	}
	t, err := c.live.Find(ctx, n.task)
	if errors.Is(err, taskdb.ErrNotFound) {
		return false, nil
	}
	return slices.Contains(pointers(t), n), err
}

// drop leaves a task out that was deleted since the snapshot.
func (c *copying) drop(n needed) {
	if n.task == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropped[n.task] = true
}

// without notes an image that is not in the backup. Where a task made by hand
// never said that there are bytes, and there are none, nothing is damaged.
func (c *copying) without(n needed, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := &c.manifest.Damaged
	if n.SHA256 == "" && n.Size == 0 && errors.Is(err, errGone) {
		list = &c.manifest.Absent
	}
	*list = append(*list, backup.Damaged{State: n.state, Key: n.Key, Task: n.task, Reason: err.Error()})
}

// report says what the backup holds.
func (c *copying) report(out io.Writer, dir string) error {
	m := c.manifest
	fmt.Fprintf(out, "backup of %s in %s is complete\n", c.data, dir)
	if m.KV != nil {
		fmt.Fprintf(out, "key-value store: %s\n", bytesOf(m.KV.Size))
	}
	if m.Taskdb != nil {
		fmt.Fprintf(out, "task database: %s\n", bytesOf(m.Taskdb.Size))
	}
	if m.Images != nil {
		copied, size := c.dir.Copied()
		fmt.Fprintf(out, "images: %d, %s; copied: %d, %s\n", m.Count, bytesOf(m.Bytes), copied, bytesOf(size))
	}
	for _, a := range m.Absent {
		fmt.Fprintf(out, "skipped: %s, and the task %s names no bytes\n", a, a.Task)
	}
	return tellDamaged(out, m.Damaged)
}

func tellDamaged(out io.Writer, list []backup.Damaged) error {
	for _, d := range list {
		fmt.Fprintf(out, "damaged: %s\n", d)
	}
	if len(list) > 0 {
		return ErrDamaged.Detailf("%d images are damaged and are not in the backup; everything else is", len(list))
	}
	return nil
}

func bytesOf(n int64) string { return humanize.IBytes(uint64(n)) }
