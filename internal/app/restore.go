package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"minilab/internal/backup"
	"minilab/internal/config"
	"minilab/internal/discovery"
	"minilab/internal/kv/sqlitekv"
	"minilab/internal/storage"
	"minilab/internal/storage/filestorage"
	"minilab/internal/sweeper"
	"minilab/internal/taskdb"
	"minilab/internal/taskdb/sqltaskdb/sqlite"
)

// putsAtOnce is how many images are restored at a time: they share the disk's
// syncs.
const putsAtOnce = 16

// Restore makes a data folder, which must be empty or not be there, of the
// backup in dir. Services do not start on it before it is whole; after an
// interruption it is restored again from the beginning. A backup of which
// something is missing is refused; with partial its images may be.
func Restore(ctx context.Context, cfg config.Config, dir string, partial bool, opt BackupOptions) error {
	if err := errors.Join(embedded(cfg, "restored"), apart(cfg.Data, dir)); err != nil {
		return err
	}
	set, err := backup.Load(dir)
	if err == nil && !partial {
		err = set.Complete()
	}
	if err != nil {
		return fmt.Errorf("nothing was restored: %w", err)
	}
	lock, err := occupy(cfg.Data)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Release() }() // only closes a file
	if err := room(cfg, set); err != nil {
		return errors.Join(err, release(cfg.Data))
	}
	r := &restoring{BackupOptions: opt, cfg: cfg, set: set, partial: partial}
	if err := r.run(ctx); err != nil {
		return fmt.Errorf("%s is restored in part only, and no service starts on it; restore again: %w", cfg.Data, err)
	}
	return r.report()
}

// restoring is a restore under way.
type restoring struct {
	BackupOptions
	cfg     config.Config
	set     *backup.Set
	partial bool

	mu        sync.Mutex
	lost      []error // images that the backup does not have any more
	lostBytes int64
}

func (r *restoring) report() error {
	fmt.Fprintf(r.Out, "restored in %s; this is the state of %s\n", r.cfg.Data, r.set.Begun.Local().Format(time.DateTime))
	for _, d := range r.set.Damaged {
		fmt.Fprintf(r.Out, "damaged when the backup was made, and not in it: %s\n", d)
	}
	for _, err := range r.lost {
		fmt.Fprintf(r.Out, "lost: %v\n", err)
	}
	if n := len(r.lost); n > 0 {
		return backup.ErrIncomplete.Detailf("%d images are lost; everything else is restored", n)
	}
	return nil
}

// run fills the folder and says what with.
func (r *restoring) run(ctx context.Context) error {
	for _, part := range []func(context.Context) error{r.images, r.kv, r.tasks} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return release(r.cfg.Data)
}

func (r *restoring) kv(ctx context.Context) error {
	if r.set.KV == nil {
		return nil
	}
	path := filepath.Join(r.cfg.Data, kvFile)
	if err := r.set.Copy(r.set.KV, path); err != nil {
		return err
	}
	forget := []string{discovery.StoreKey("storage"), discovery.StoreKey("taskdb")} // whose are here is another store now
	if r.set.Taskdb != nil {                                                        // else the sweeper has reason to mistrust it
		forget = append(forget, sweeper.PastKey)
	}
	keys, err := sqlitekv.Renew(ctx, path, time.Now(), forget...)
	if err == nil {
		fmt.Fprintf(r.Out, "key-value store: %d keys\n", keys)
	}
	return err
}

func (r *restoring) tasks(ctx context.Context) error {
	if r.set.Taskdb == nil {
		return nil
	}
	if err := r.set.Copy(r.set.Taskdb, filepath.Join(r.cfg.Data, taskdbFile)); err != nil {
		return err
	}
	counts, err := sqlite.Renew(ctx, r.cfg.Data, time.Now(), r.set.Dropped)
	if err == nil {
		fmt.Fprintf(r.Out, "tasks: %s\n", tell(counts))
	}
	return err
}

func (r *restoring) images(ctx context.Context) error {
	if r.set.Manifest.Images == nil {
		return nil
	}
	s, err := filestorage.Open(r.cfg.Data, filestorage.Options{MinFree: r.cfg.MinFree}, r.Log)
	if err != nil {
		return err
	}
	if err := errors.Join(r.putAll(ctx, s), s.Close()); err != nil {
		return err
	}
	fmt.Fprintf(r.Out, "images: %d, %s\n", r.set.Count-int64(len(r.lost)), bytesOf(r.set.Bytes-r.lostBytes))
	return nil
}

// putAll ends with the first error.
func (r *restoring) putAll(ctx context.Context, s storage.Store) error {
	group, within := errgroup.WithContext(ctx)
	group.SetLimit(putsAtOnce)
	for i, err := range r.set.Images() {
		if within.Err() != nil {
			break
		}
		group.Go(func() error {
			if err != nil {
				return err
			}
			return r.image(within, s, i)
		})
	}
	return errors.Join(group.Wait(), context.Cause(ctx))
}

// image has the storage compare the bytes with their digest.
func (r *restoring) image(ctx context.Context, s storage.Store, i storage.Info) error {
	err := put(ctx, s, r.set, i)
	if !r.partial || !errors.Is(err, backup.ErrIncomplete) {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost, r.lostBytes = append(r.lost, err), r.lostBytes+i.Size
	return nil
}

func put(ctx context.Context, s storage.Store, set *backup.Set, i storage.Info) error {
	from, err := set.Open(i)
	if err != nil {
		return err
	}
	defer from.Close()
	_, err = s.Put(ctx, i.State, i.Key, from, storage.PutOptions{ContentType: i.ContentType, Size: i.Size, SHA256: i.SHA256})
	if errors.Is(err, storage.ErrDigest) {
		return backup.ErrIncomplete.Detailf("the bytes of %s/%s are damaged in the backup", i.State, i.Key)
	}
	return err
}

// tell counts tasks by their states.
func tell(counts map[taskdb.State]int64) string {
	var parts []string
	for _, s := range taskdb.States {
		if n := counts[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
