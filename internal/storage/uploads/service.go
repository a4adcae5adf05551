package uploads

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/tus/tusd/v2/pkg/handler"

	"minilab/internal/httpx"
	"minilab/internal/kv"
	"minilab/internal/kv/kvlock"
)

const (
	lockTTL   = 10 * time.Second
	lockTime  = 15 * time.Second // that a request waits for the one before it to let go
	bodyIdle  = time.Minute      // that nothing of a body may come
	afterTime = time.Second      // that a request goes on after its client has gone
)

// Config is what a service is made of.
type Config struct {
	Dir   string // the folder of the uploads, of a data folder that this process has locked
	Store string // which storage that is, among all
	KV    kv.Store
	Lease time.Duration          // of an upload's lock; 0: 10 s
	Keep  time.Duration          // without progress
	Room  func(more int64) error // of the disk; nil: there always is
	Log   *slog.Logger
}

// Service implements Uploads on a folder.
type Service struct {
	store *store
	locks *kvlock.Locks
	tus   http.Handler
	keep  time.Duration
	log   *slog.Logger
}

// New takes over the uploads of a folder.
func New(c Config) (*Service, error) {
	if c.Room == nil {
		c.Room = func(int64) error { return nil }
	}
	st, err := openStore(c.Dir, c.Keep, c.Room, c.Log)
	if err != nil {
		return nil, err
	}
	s := &Service{store: st, keep: c.Keep, log: c.Log, locks: newLocks(c)}
	composer := handler.NewStoreComposer()
	composer.UseCore(st)
	composer.UseTerminater(st)
	composer.UseLengthDeferrer(st)
	composer.UseConcater(st)
	composer.UseLocker(locker{s.locks})
	s.tus, err = handler.NewHandler(handler.Config{
		StoreComposer: composer, BasePath: PublicPath, DisableDownload: true, Cors: &handler.CorsConfig{Disable: true},
		Logger: tusdLogger(c.Log), NetworkTimeout: bodyIdle, AcquireLockTimeout: lockTime, GracefulRequestCompletionTimeout: afterTime,
	})
	return s, err
}

// newLocks are those of a process that has the folder to itself: a lock of a
// process that had it before is nobody's any more, and not waited for.
func newLocks(c Config) *kvlock.Locks {
	process := c.Store + "/" + rand.Text()
	return kvlock.New(kvlock.Config{KV: c.KV, TTL: cmp.Or(c.Lease, lockTTL), Name: process, Dead: func(name string) bool {
		return name != process && strings.HasPrefix(name, c.Store+"/")
	}})
}

// Serve implements Uploads.
func (s *Service) Serve(w http.ResponseWriter, r *http.Request, c Call) error {
	w.Header().Set("Tus-Resumable", "1.0.0") // of refusals too
	if c.ID != "" {
		if err := s.exists(c.ID, c.Owner); err != nil {
			return err
		}
	}
	if err := checkHeader(r.Header); err != nil {
		return err
	}
	sum, err := parseChecksum(r.Header.Get("Upload-Checksum"))
	if err != nil {
		return err
	}
	do := &call{Call: c, sum: sum}
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), callKey{}, do))
	defer cancel() // tusd waits for it
	a := &answer{ResponseWriter: w, conn: http.NewResponseController(w), call: do, store: s.store}
	r = r.WithContext(ctx)
	r.URL = &url.URL{Path: "/" + c.ID}
	r.Body = body{httpx.Body(a, r, 0, bodyIdle), r.Body}
	s.tus.ServeHTTP(a, r)
	return a.err()
}

// body is a request's body that does not pause for too long.
type body struct {
	io.Reader
	io.Closer
}

// exists is ErrNotFound unless the owner has that upload, and ErrExpired for
// one that is about to be removed.
func (s *Service) exists(id, owner string) error {
	if err := s.store.check(id, owner); err != nil {
		return err
	}
	at, err := s.store.expires(id)
	if err == nil && time.Now().After(at) {
		err = ErrExpired
	}
	return err
}

// Open implements Uploads. Bytes of an upload that is finished never change.
func (s *Service) Open(_ context.Context, owner, id string) (Finished, error) {
	f, err := s.look(owner, id)
	if errors.Is(err, ErrNotFound) { // its bytes may just have been given up for a task
		f, err = s.look(owner, id)
	}
	return f, err
}

func (s *Service) look(owner, id string) (Finished, error) {
	if err := s.exists(id, owner); err != nil {
		return Finished{}, err
	}
	u, err := s.store.get(id, owner)
	if err == nil {
		err = u.finished()
	}
	if err != nil {
		return Finished{}, err
	}
	f := Finished{Size: u.Info.Size, Metadata: u.Info.MetaData, Task: u.Task}
	if f.Task != "" {
		return f, nil
	}
	body, err := os.Open(s.store.bytesPath(id))
	if errors.Is(err, os.ErrNotExist) {
		err = ErrNotFound
	}
	if err != nil {
		return Finished{}, err
	}
	f.Body = body
	return f, nil
}

// Done implements Uploads.
func (s *Service) Done(ctx context.Context, owner, id, task string) error {
	if err := s.store.check(id, owner); errors.Is(err, ErrNotFound) {
		return nil
	}
	return s.alone(ctx, id, func() error {
		u, err := s.store.get(id, owner)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err == nil {
			err = u.finished()
		}
		if err != nil {
			return err
		}
		return u.become(task)
	})
}

// alone does something to an upload under its lock.
func (s *Service) alone(ctx context.Context, id string, do func() error) error {
	ctx, cancel := context.WithTimeout(ctx, lockTime)
	defer cancel()
	held, err := s.locks.Acquire(ctx, lockPrefix+id, func() {})
	if errors.Is(err, context.DeadlineExceeded) {
		return ErrBusy
	}
	if err != nil {
		return err
	}
	defer held.Release()
	return do()
}
