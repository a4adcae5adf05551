package crash_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/fstest"

	"minilab/internal/sqlitedb"
)

// envMigrate makes the test binary a process that opens the database at that
// path, and brings it up to date.
const envMigrate = "CRASH_TEST_MIGRATE"

const rows = 500

// schemas are two versions of a database. The second makes the table anew and
// moves the rows, in two migrations: between them there is a commit.
func schemas(version int) fs.FS {
	all := fstest.MapFS{"0001_init.sql": {Data: []byte("-- +goose Up\nCREATE TABLE items (id INTEGER PRIMARY KEY, value TEXT NOT NULL) STRICT;\n")}}
	if version == 2 {
		all["0002_new.sql"] = &fstest.MapFile{Data: []byte(`-- +goose Up
CREATE TABLE things (id INTEGER PRIMARY KEY, value TEXT NOT NULL, length INTEGER NOT NULL) STRICT;
INSERT INTO things SELECT id, value, length(value) FROM items;
DROP TABLE items;
`)}
		all["0003_index.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE INDEX things_length ON things (length);\n")}
	}
	return all
}

// migrate is all that such a process does.
func migrate() bool {
	path := os.Getenv(envMigrate)
	if path == "" {
		return false
	}
	db, err := sqlitedb.Open(context.Background(), path, schemas(2))
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

// old writes a database of the first version.
func old(t *testing.T, path string) {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), path, schemas(1))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Write(t.Context(), func(tx *sqlitedb.Tx) error {
		var failed error
		for id := range rows {
			_, err := tx.Exec(`INSERT INTO items (id, value) VALUES (?, ?)`, id, fmt.Sprintf("value %d", id))
			failed = errors.Join(failed, err)
		}
		return failed
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestMigration kills a process that brings an old database up to date.
func TestMigration(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	w := watched(t, dir)
	var counts tally
	n := 0
	enumerate(t, 3, func(p point) *trap {
		n++
		path := filepath.Join(dir, "test.db")
		old(t, path)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), envMigrate+"="+path)
		tr := set(w, "migration", p, death)
		if err := w.Wrap(fmt.Sprintf("migration#%d", n), cmd); err != nil {
			t.Fatal(err)
		}
		out, err := cmd.CombinedOutput()
		if err != nil && !tr.has() {
			t.Fatalf("%v: %v %s", p, err, out)
		}
		check(t, p, path)
		counts.spring(tr, "brought up to date by the next")
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		return tr
	})
	counts.log(t)
}

// check opens the database once more and counts what must be in it.
func check(t *testing.T, p point, path string) {
	t.Helper()
	db, err := sqlitedb.Open(t.Context(), path, schemas(2))
	if err != nil {
		t.Fatalf("%v: %v", p, err)
	}
	defer db.Close()
	var n, length int
	err = db.Read().QueryRowContext(t.Context(), `SELECT count(*), sum(length = length(value)) FROM things`).Scan(&n, &length)
	if err != nil || n != rows || length != rows {
		t.Fatalf("%v: %d rows, %d of them right, %v", p, n, length, err)
	}
}
