package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// diskTime is how long each of the disk's own rates is measured.
const diskTime = time.Second

// disk is what the disk can do, which bounds what is durable: syncs of one file
// that grows, and new files made durable with their names.
func disk(ctx context.Context, o options, t *table) error {
	dir, err := os.MkdirTemp(o.dir, "disk-")
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	page := make([]byte, 4096)
	syncs, err := rate(ctx, 1, func(int) error {
		if _, err := log.Write(page); err != nil {
			return err
		}
		return log.Sync()
	})
	if err != nil {
		return err
	}
	t.row("the disk: fsyncs of one file", syncs)
	files, err := rate(ctx, o.customers, func(i int) error { return durable(dir, strconv.Itoa(i), page[:1000]) })
	if err == nil {
		t.row(fmt.Sprintf("the disk: new durable files, %d at a time", o.customers), files)
	}
	return err
}

// rate calls f for a while.
func rate(ctx context.Context, parallel int, f func(i int) error) (string, error) {
	begun, n := time.Now(), 0
	for time.Since(begun) < diskTime && ctx.Err() == nil {
		if _, err := each(10*parallel, parallel, func(i int) error { return f(n + i) }); err != nil {
			return "", err
		}
		n += 10 * parallel
	}
	return fmt.Sprintf("%.0f/s", float64(n)/time.Since(begun).Seconds()), ctx.Err()
}

// durable makes a file the way a storage must: temporary, synced, renamed, its
// folder synced.
func durable(dir, name string, data []byte) error {
	temp := filepath.Join(dir, "."+name)
	f, err := os.Create(temp)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(temp, filepath.Join(dir, name)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
