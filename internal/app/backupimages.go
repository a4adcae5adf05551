package app

import (
	"context"
	"errors"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"minilab/internal/storage"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb/sqlite"
)

// copyImages copies what the snapshot's tasks point to. Without a task database
// nobody says what is needed: then it copies all.
func (c *copying) copyImages(ctx context.Context) error {
	if err := c.dir.BeginImages(); err != nil {
		return err
	}
	if !c.db {
		return c.saveEach(ctx, c.eachListed)
	}
	var err error
	if c.live, err = sqlite.OpenFile(ctx, filepath.Join(c.data, taskdbFile)); err != nil {
		return err
	}
	err = c.saveEach(ctx, c.eachNeeded)
	return errors.Join(err, c.live.Close())
}

func (c *copying) saveEach(ctx context.Context, each func(context.Context, func(needed)) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(copiesAtOnce)
	err := each(ctx, func(n needed) {
		group.Go(func() error { return c.save(ctx, n) })
	})
	if err := group.Wait(); err != nil {
		return err // the other one, if any, follows from it
	}
	return err
}

// needed is an image that is to be in the backup.
type needed struct {
	task  string // that points to it; empty: none
	state storage.State
	taskdb.Blob
}

func (c *copying) eachNeeded(ctx context.Context, do func(needed)) error {
	snapshot, err := sqlite.OpenFile(ctx, c.dir.New("taskdb", "db"))
	if err != nil {
		return err
	}
	for t, each := range snapshot.Each(ctx) {
		if err = each; err != nil {
			break
		}
		for _, n := range pointers(t) {
			do(n)
		}
	}
	return errors.Join(err, snapshot.Close())
}

// pointers are the images that a task points to.
func pointers(t taskdb.Task) []needed {
	list := []needed{{t.ID, storage.InProgress, t.Source}}
	for _, o := range t.Outputs {
		if o.Key != "" {
			list = append(list, needed{t.ID, storage.Finished, o.Blob})
		}
	}
	return list
}

func (c *copying) eachListed(ctx context.Context, do func(needed)) error {
	for _, state := range []storage.State{storage.InProgress, storage.Finished} {
		for cursor, first := "", true; first || cursor != ""; first = false {
			page, err := c.images.List(ctx, state, cursor, 0)
			if err != nil {
				return err
			}
			for _, i := range page.Infos {
				do(needed{"", state, taskdb.Blob{Key: i.Key, Size: i.Size, SHA256: i.SHA256, ContentType: i.ContentType}})
			}
			cursor = page.Next
		}
	}
	return nil
}
