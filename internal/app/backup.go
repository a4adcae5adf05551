package app

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"minilab/internal/backup"
	"minilab/internal/config"
	"minilab/internal/fault"
	"minilab/internal/kv/sqlitekv"
	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
	"minilab/internal/taskdb/sqltaskdb/sqlite"
)

// copiesAtOnce is how many images are copied at a time: few, because customers
// wait for the same disk.
const copiesAtOnce = 2

// The embedded engines' databases in a data folder.
const (
	kvFile     = "kv.db"
	taskdbFile = "taskdb.db"
)

// Faults of backing up and restoring.
var (
	ErrDamaged = fault.New(fault.Internal, "images-damaged", "some images are damaged and are not in the backup")
	errNoData  = fault.New(fault.NotFound, "no-data", "there is no data")
)

// BackupOptions say who makes a backup, or restores one.
type BackupOptions struct {
	Version string
	Out     io.Writer // told what was done
	Log     *slog.Logger
}

// Backup writes what the data folder holds into dir, beside the services that
// use it; see package backup. An error is a sentence for a person. With
// ErrDamaged the backup is complete but for the images that it names.
func Backup(ctx context.Context, cfg config.Config, dir string, opt BackupOptions) error {
	if err := errors.Join(embedded(cfg, "backed up"), apart(cfg.Data, dir), restored(cfg.Data)); err != nil {
		return err
	}
	c := &copying{data: cfg.Data, manifest: backup.Manifest{Version: opt.Version, Begun: time.Now().UTC()}, dropped: map[string]bool{}}
	if err := c.look(opt.Log); err != nil {
		return err
	}
	var err error
	if c.dir, err = backup.Open(dir, c.manifest.Begun); err != nil {
		return err
	}
	err = c.run(ctx)
	if err := errors.Join(err, c.dir.Close()); err != nil {
		return err
	}
	return c.report(opt.Out, dir)
}

// copying is a backup under way.
type copying struct {
	data     string
	dir      *backup.Dir
	manifest backup.Manifest
	kv, db   bool // whether the data folder has them
	images   images
	live     sqlite.File

	mu      sync.Mutex
	dropped map[string]bool
}

// images is what a backup needs of a storage.
type images interface {
	Get(context.Context, storage.State, string, storage.Part) (storage.Object, error)
	Stat(context.Context, storage.State, string) (storage.Info, error)
	List(ctx context.Context, state storage.State, cursor string, limit int) (storage.Page, error)
}

// look finds out what the data folder holds.
func (c *copying) look(log *slog.Logger) error {
	c.kv, c.db = isFile(filepath.Join(c.data, kvFile)), isFile(filepath.Join(c.data, taskdbFile))
	view, err := filestorage.Beside(c.data, log)
	switch {
	case err == nil:
		c.images = view
	case !errors.Is(err, storage.ErrNotFound):
		return err
	}
	if !c.kv && !c.db && c.images == nil {
		return errNoData.Detailf("there is no data in %s; say with --data where it is", c.data)
	}
	return nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// run makes the backup; the order is what makes it consistent.
func (c *copying) run(ctx context.Context) error {
	if err := c.same(ctx); err != nil {
		return err
	}
	if err := c.snapshots(ctx); err != nil {
		return err
	}
	return c.rest(ctx)
}

// snapshots copies the databases. The task database's is the moment of which
// the backup is.
func (c *copying) snapshots(ctx context.Context) error {
	if c.kv {
		if err := sqlitekv.Snapshot(ctx, filepath.Join(c.data, kvFile), c.dir.New("kv", "db")); err != nil {
			return err
		}
	}
	if !c.db {
		return nil
	}
	snapshot := c.dir.New("taskdb", "db")
	if err := sqlite.Snapshot(ctx, filepath.Join(c.data, taskdbFile), snapshot); err != nil {
		return err
	}
	var err error
	c.manifest.Identity, err = identityOf(ctx, snapshot)
	return err
}

// rest copies the images and ends the backup.
func (c *copying) rest(ctx context.Context) (err error) {
	if c.images != nil {
		if err := c.copyImages(ctx); err != nil {
			return err
		}
	}
	c.manifest.Dropped = slices.Sorted(maps.Keys(c.dropped))
	c.manifest, err = c.dir.Commit(c.manifest)
	return err
}
