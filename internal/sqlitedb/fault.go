package sqlitedb

import (
	"errors"
	"fmt"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"minilab/internal/fault"
)

// Faults of a database's file and the disk below it. A full disk is
// fault.ErrNoSpace.
var (
	ErrClosed   = fault.New(fault.Unavailable, "closed", "the database has been closed; the service is stopping")
	ErrReadOnly = fault.New(fault.Unavailable, "read-only", "the database cannot be written: its file or file system is read-only")
	ErrDisk     = fault.New(fault.Unavailable, "disk-failed", "the disk failed to read or write the database")
	ErrBusy     = fault.New(fault.Unavailable, "database-busy", "another program keeps the database locked")
	ErrDamaged  = fault.New(fault.Internal, "database-damaged", "the database is damaged or is not one")
	ErrNewer    = fault.New(fault.Conflict, "database-newer", "the database was written by a newer minilab")
)

// primary takes the primary result code out of an extended one.
const primary = 0xff

// Fault gives a driver's error the fault that it stands for. Faults, and
// errors that are nobody's but the program's, stay as they are.
func Fault(err error) error {
	if _, ok := errors.AsType[*fault.Fault](err); ok || err == nil {
		return err
	}
	if f := diskFault(err); f != nil {
		return f.Because(err)
	}
	return err
}

// diskFault is nil for an error that a statement, and not the disk, is to
// blame for.
func diskFault(err error) *fault.Fault {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.ErrNoSpace
	}
	code := resultCode(err)
	if code == sqlite3.SQLITE_IOERR_SHMSIZE { // the log's index could not grow
		return fault.ErrNoSpace
	}
	switch code & primary {
	case sqlite3.SQLITE_FULL:
		return fault.ErrNoSpace
	case sqlite3.SQLITE_READONLY:
		return ErrReadOnly
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM:
		return ErrDisk
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return ErrBusy
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return ErrDamaged
	}
	return nil
}

// rollsBack says whether SQLite may have ended the whole transaction when it
// gave err, and not only undone the statement.
func rollsBack(err error) bool {
	switch resultCode(err) & primary {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_INTERRUPT:
		return true
	}
	return false
}

func resultCode(err error) int {
	if e, ok := errors.AsType[*sqlite.Error](err); ok {
		return e.Code()
	}
	return sqlite3.SQLITE_OK
}

// IsDuplicate says whether err is a statement's that would have broken a
// primary key or a unique index.
func IsDuplicate(err error) bool {
	switch resultCode(err) {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_ROWID:
		return true
	}
	return false
}

// opening says which file could not be opened, and what a person can do.
func opening(path string, err error) error {
	if _, ok := errors.AsType[*fault.Fault](err); ok {
		return err
	}
	f := diskFault(err)
	switch {
	case f == nil:
		return fmt.Errorf("open %s: %w", path, err)
	case f == ErrDamaged:
		return damaged(path, err)
	}
	return f.Detailf("%s cannot be opened: %s", path, f.Title).Because(err)
}

func damaged(path string, err error) error {
	return ErrDamaged.Detailf("%s is damaged or is not a database; move it away or put a backup in its place", path).Because(err)
}
