package sqlitedb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// besideParams are of connections beside the process that owns a file: they
// never write. Where nobody has it open, SQLite makes an empty log and its index,
// which the next owner removes.
var besideParams = url.Values{
	"mode":          {"ro"},
	"_busy_timeout": {"10000"},
	"_dqs":          {"0"},
	"_pragma":       {"cache_size(-8192)", "temp_store(MEMORY)"},
}

// Beside opens a database only for reading, without its lock, while another
// process may be writing it. Errors of the pool are the driver's: pass them
// through Fault.
func Beside(ctx context.Context, path string) (*sql.DB, error) {
	params := besideParams
	if frozen(path) {
		params = with(params, url.Values{"immutable": {"1"}})
	}
	db, err := pool(path, params, poolReaders)
	if err != nil {
		return nil, err
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(opening(path, err), db.Close())
	}
	return db, nil
}

// frozen says whether the file was closed and its folder cannot be written, for
// it is mounted for reading only or is somebody else's: SQLite could not make
// there what readers and writers share, and nobody needs it.
func frozen(path string) bool {
	_, err := os.Stat(path + "-wal")
	return errors.Is(err, os.ErrNotExist) && unix.Access(filepath.Dir(path), unix.W_OK) != nil
}

// Snapshot writes a copy of the database at path, as it is at one moment, to a
// new file, beside whoever uses it: a reader of the log never keeps the writer
// waiting. The copy is durable but for its name, packed, and read row by row:
// a database with a damaged row gives no copy. After an error there is none.
func Snapshot(ctx context.Context, path, into string) error {
	if _, err := os.Lstat(into); err == nil {
		return fmt.Errorf("snapshot of %s: %s is there already", path, into)
	}
	still := frozen(path)
	db, err := Beside(ctx, path)
	if err != nil {
		return err
	}
	err = snapshot(ctx, db, into)
	if err == nil && still && !frozen(path) {
		err = ErrBusy.Detailf("somebody has opened it meanwhile; try again")
	}
	if err != nil {
		err = fmt.Errorf("snapshot of %s into %s: %w", path, into, errors.Join(Fault(err), discard(into)))
	}
	return errors.Join(err, db.Close())
}

func snapshot(ctx context.Context, db *sql.DB, into string) error {
	if err := touch(into); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, `VACUUM INTO ?`, into); err != nil {
		return err
	}
	f, err := os.OpenFile(into, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// touch makes an empty file that only its owner may read; SQLite fills it.
func touch(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func discard(path string) error {
	var errs []error
	for _, name := range []string{path, path + "-journal"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
