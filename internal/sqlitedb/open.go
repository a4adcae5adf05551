package sqlitedb

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
)

// checkedSize is the size up to which a file is checked as a whole when it is
// opened, in bytes: about a tenth of a second. Damage in a larger one shows
// when the damaged page is read.
const checkedSize = 16 << 20

// Parameters of the connections. Nobody but this process writes the file; the
// timeout is for a person's sqlite3 shell.
var (
	commonParams = url.Values{
		"_busy_timeout": {"10000"},
		"_journal_mode": {"WAL"},
		"_synchronous":  {"FULL"},
		"_foreign_keys": {"1"},
		"_dqs":          {"0"},
		"_defensive":    {"1"},
	}
	writerParams = with(commonParams, url.Values{
		"_txlock": {"immediate"},
		"_pragma": {"cache_size(-32768)", "journal_size_limit(67108864)", "temp_store(MEMORY)"},
	})
	readerParams = with(commonParams, url.Values{
		"_query_only": {"1"},
		"_pragma":     {"cache_size(-8192)", "temp_store(MEMORY)"},
	})
)

func with(base, more url.Values) url.Values {
	all := url.Values{}
	for _, values := range []url.Values{base, more} {
		for name, v := range values {
			all[name] = v
		}
	}
	return all
}

// pool opens a pool whose connections stay open, so that their statements and
// caches do.
func pool(path string, params url.Values, size int) (*sql.DB, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// As durable as the default fsync, without the wait for the file's times.
	// Where there is no such call the default stays.
	_, _ = sqlite.Fdatasync(true)
	dsn := url.URL{Scheme: "file", Path: abs, RawQuery: params.Encode()}
	db, err := sql.Open("sqlite", dsn.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	return db, nil
}

// check reads a database of moderate size whole.
func check(ctx context.Context, db *sql.DB, path string) error {
	if info, err := os.Stat(path); err != nil || info.Size() > checkedSize {
		return db.PingContext(ctx) // new, or too large
	}
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return damaged(path, fmt.Errorf("quick_check: %s", verdict))
	}
	return nil
}

func migrate(ctx context.Context, db *sql.DB, migrations fs.FS, path string) error {
	p, err := goose.NewProvider(goose.DialectSQLite3, db, migrations,
		goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	current, known, err := p.GetVersions(ctx)
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	if current > known {
		return ErrNewer.Detailf("%s was written by a newer minilab (schema %d, this one knows %d)", path, current, known)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	return nil
}
