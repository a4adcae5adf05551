// Package sweeper removes what nobody can reach any more: bytes that no task
// points to, and tasks past their retention. It runs beside every master, and
// one at a time works, the holder of the key locks/sweeper.
//
// A sweep first makes the tasks past their retention go, whose rows are the
// only pointers to their bytes. Then it marks every key that a row points to,
// lists the storage, and removes what is unmarked and older than the grace. A
// crash anywhere leaves bytes without a row, which a later sweep takes.
//
// # Why no byte that a row points to is ever removed
//
// Let a sweep begin its marking at T. It removes bytes B that no row pointed to
// when it came by, and that were last written before T - grace by the storage's
// own clock. No row points to B afterwards either:
//
//   - B is a source. A master makes a task right after its bytes, and answers
//     for it only when that took less than SubmitTime, which is not above half
//     of the grace, counted from the last byte that it read: B is not older
//     than that. So the row was there before T, or nobody was told of it, but
//     for who was given the task for its idempotency key in the moment between:
//     that one stays, and fails if its bytes have gone. The other half of the
//     grace is for clocks that are put forward.
//   - B is the result ID.TOKEN of an attempt. Its row is read once more just
//     before B goes. It protects the key of the attempt in progress, however old
//     the bytes are, and as long as it can be worked on, those of all attempts
//     to come. Any other token is past: tokens grow, and only the current one
//     can be published.
//   - B was put there by hand. Then it has the grace to get a task.
//
// Losing the lock in the middle, or two sweepers at once, is no danger for the
// same reasons. It would only be twice the work.
//
// # Why a task database that has forgotten is not believed
//
// Every sweep leaves the last event of the task database's feed in the
// key-value store. The next one finds that very event in the feed or does
// nothing: the database was emptied, restored from a copy or exchanged, and
// what it does not know may be all that is left of somebody's images. When
// there is no such note yet, more bytes without a row than rows are not
// believed. Who knows better writes anything to the key sweeper/trust.
package sweeper

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"

	"minilab/internal/kv"
	"minilab/internal/storage"
	"minilab/internal/taskdb"
)

// Config is what a sweeper works with.
type Config struct {
	Tasks   taskdb.Store
	Storage storage.Store
	KV      kv.Store
	Every   time.Duration // between the beginnings of two sweeps, about
	Grace   time.Duration // bytes without a row are left alone this long; the masters' too
	Metrics prometheus.Registerer
	Log     *slog.Logger
}

// Swept is what a sweep has removed.
type Swept struct {
	Tasks  int // past their retention
	Images int
	Bytes  int64 // of the images
	More   bool  // there is more to be removed at once
}

// Sweeper sweeps.
type Sweeper struct {
	Config
	name    string // in the lock
	lockTTL time.Duration
	exact   time.Duration // of the times of images
	most    int           // images that one sweep removes
	metrics *metrics
	said    string // the trouble that was last logged
}

// New makes a sweeper. Run lets it work.
func New(c Config) *Sweeper {
	return &Sweeper{Config: c, name: uuid.NewString(), lockTTL: lockTTL, exact: time.Second, most: 10_000, metrics: newMetrics(c.Metrics)}
}

// Run sweeps every now and then until ctx ends. Its beginning is random, so
// that masters which start together do not sweep together.
func (s *Sweeper) Run(ctx context.Context) {
	pause := rand.N(s.Every)
	for sleep(ctx, pause) {
		pause = s.Every
		if s.turn(ctx) {
			pause = min(s.Every, time.Second)
		}
	}
}

// turn sweeps unless another has just done so. It says whether to go on soon.
func (s *Sweeper) turn(ctx context.Context) (more bool) {
	if rested, err := s.resting(ctx); rested || err != nil {
		s.trouble(ctx, err)
		return false
	}
	swept, err := s.Sweep(ctx)
	if errors.Is(err, errBusy) || ctx.Err() != nil {
		return false
	}
	if err == nil && !swept.More {
		err = s.rested(ctx)
	}
	s.trouble(ctx, err)
	return err == nil && swept.More
}

// trouble logs why there is no sweep, once for as long as it lasts.
func (s *Sweeper) trouble(ctx context.Context, err error) {
	if err == nil {
		s.said = ""
		return
	}
	if text := err.Error(); text != s.said && ctx.Err() == nil {
		s.said = text
		s.Log.WarnContext(ctx, "nothing is swept", "error", err)
	}
}

// Sweep sweeps once. It is errBusy when another sweeper is at work.
func (s *Sweeper) Sweep(ctx context.Context) (Swept, error) {
	ctx, release, err := s.lock(ctx)
	if err != nil {
		return Swept{}, err
	}
	defer release()
	began := time.Now()
	swept, err := s.sweep(ctx)
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	s.metrics.done(time.Since(began), err)
	if swept.Images > 0 || swept.Tasks > 0 {
		s.Log.InfoContext(ctx, "swept", "images", swept.Images, "bytes", swept.Bytes, "tasks", swept.Tasks, "duration", time.Since(began))
	}
	return swept, err
}

func (s *Sweeper) sweep(ctx context.Context) (swept Swept, err error) {
	past, err := s.past(ctx)
	if err != nil {
		return swept, err
	}
	var gone []orphan
	if past.known {
		if gone, err = s.expire(ctx, &swept); err != nil {
			return swept, err
		}
	}
	began := time.Now()
	m, err := s.mark(ctx)
	if err != nil {
		return swept, err
	}
	found, err := s.list(ctx, m, began)
	if err != nil {
		return swept, err
	}
	if err := past.accept(ctx, found.unmarked, m.rows); err != nil {
		return swept, err
	}
	swept.More = swept.More || found.more
	for _, o := range append(m.unmarked(gone), found.old...) {
		if err := s.remove(ctx, o, &swept); err != nil {
			return swept, err
		}
	}
	return swept, nil
}

// expire makes the tasks past their retention go, and gives what they pointed
// to.
func (s *Sweeper) expire(ctx context.Context, swept *Swept) (gone []orphan, err error) {
	for len(gone) < s.most {
		began := time.Now()
		tasks, err := s.Tasks.Expire(ctx, 0)
		if err != nil || len(tasks) == 0 {
			return gone, err
		}
		for _, t := range tasks {
			for state, blob := range pointers(t) {
				gone = append(gone, orphan{state: state, key: blob.Key, size: blob.Size, expired: true})
			}
		}
		swept.Tasks += len(tasks)
		s.metrics.tasks.Add(float64(len(tasks)))
		if err := rest(ctx, began); err != nil {
			return gone, err
		}
	}
	swept.More = true
	return gone, nil
}
