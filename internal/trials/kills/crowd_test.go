package kills

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"minilab/internal/trials"
)

// How customers behave.
const (
	customers    = 4
	mostBrought  = 6                      // images that one hands in at the same time
	visitPause   = 200 * time.Millisecond // at most, between two visits of one
	photoPause   = 8 * time.Second        // between two photographs, which take long to compare
	retryPause   = 50 * time.Millisecond
	callPatience = 30 * time.Second // more than any stop, and than the longest poll
)

// order is one image that was handed in. It is complete when its visit ends.
type order struct {
	print  print     // without its bytes
	sha    string    // of the bytes handed in
	id     string    // empty: there was no answer, so it may or may not exist
	begun  time.Time // of the upload
	ended  time.Time // when the result was there
	status trials.Status
	result string // digest of what was picked up
}

// crowd hands images in as long as it is let, and picks up what became of them
// whatever happens meanwhile.
type crowd struct {
	album    album
	http     *http.Client
	blame    func(format string, args ...any) // takes what must not be
	inFlight atomic.Int64
	visits   sync.WaitGroup

	mu     sync.Mutex
	bases  []string // of the frontends
	orders []*order
}

func newCrowd(a album, bases []string, blame func(string, ...any)) *crowd {
	return &crowd{album: a, bases: bases, blame: blame, http: &http.Client{
		Timeout: callPatience, Transport: &http.Transport{MaxIdleConnsPerHost: customers * mostBrought},
	}}
}

// open lets customers come until open ends. Who has a ticket by then stays
// until it is honoured, or ctx ends.
func (c *crowd) open(ctx, open context.Context, rng *rand.Rand) {
	for range customers {
		own := rand.New(rand.NewPCG(rng.Uint64(), 2))
		c.visits.Go(func() {
			for sleep(open, upTo(own, visitPause)) == nil {
				c.bring(ctx, own)
			}
		})
	}
	if len(c.album.photos) > 0 {
		c.visits.Go(func() { c.photographer(ctx, open, rng.Uint64()) })
	}
}

// bring has one customer hand in some images at the same time.
func (c *crowd) bring(ctx context.Context, rng *rand.Rand) {
	var all sync.WaitGroup
	for range 1 + rng.IntN(mostBrought) {
		seed := rng.Uint64()
		all.Go(func() { c.visit(ctx, picture(seed)) })
	}
	all.Wait()
}

func (c *crowd) photographer(ctx, open context.Context, seed uint64) {
	for ; open.Err() == nil; _ = sleep(open, photoPause) {
		seed++
		p, err := c.album.photograph(seed)
		if err != nil {
			c.blame("%v", err)
			return
		}
		c.visit(ctx, p)
	}
}

// visit is one image's way from the upload to the comparison.
func (c *crowd) visit(ctx context.Context, p print) *order {
	o := &order{print: p, sha: digest(p.data), begun: time.Now()}
	o.print.data = nil
	c.mu.Lock()
	c.orders = append(c.orders, o)
	c.mu.Unlock()
	id, err := c.customer(p.seed).Order(ctx, p.data, p.wishes())
	if err != nil {
		if refused, ok := errors.AsType[*trials.Answer](err); ok && mayNotBe(refused) {
			c.blame("seed %d: a good image was refused: %v", p.seed, err)
		}
		_ = sleep(ctx, retryPause)
		return o
	}
	o.id = id
	if err := c.pickUp(ctx, o, p); err != nil {
		c.blame("task %s: %v", o.id, err)
	}
	return o
}

// mayNotBe says whether an answer blames the customer. Nothing is wrong with
// these images, so whatever is wrong must be the lab's.
func mayNotBe(a *trials.Answer) bool {
	return a.Status < http.StatusInternalServerError && a.Status != http.StatusTooManyRequests
}

// pickUp waits for the task's end, fetches the result and compares it.
func (c *crowd) pickUp(ctx context.Context, o *order, p print) error {
	c.inFlight.Add(1)
	err := c.persist(ctx, func(at trials.Customer) (err error) {
		o.status, err = at.Await(ctx, o.id)
		return err
	})
	c.inFlight.Add(-1)
	if err != nil || o.status.Status != "finished" {
		return err // whether it may have failed is judged by the evidence
	}
	var results [][]byte
	if err := c.persist(ctx, func(at trials.Customer) (err error) {
		results, err = p.collect(ctx, at, o.id)
		return err
	}); err != nil {
		return err
	}
	o.ended = time.Now()
	o.result, err = p.compare(results)
	return err
}

// persist asks until there is an answer that is not about an outage.
func (c *crowd) persist(ctx context.Context, ask func(trials.Customer) error) error {
	for {
		err := ask(c.customer(rand.Uint64()))
		a, answered := errors.AsType[*trials.Answer](err)
		if err == nil || answered && mayNotBe(a) {
			return err
		}
		if sleep(ctx, retryPause) != nil {
			return fmt.Errorf("%w; the last answer was: %w", context.Cause(ctx), err)
		}
	}
}

// customer is somebody at one of the frontends.
func (c *crowd) customer(n uint64) trials.Customer {
	c.mu.Lock()
	defer c.mu.Unlock()
	return trials.Customer{Base: c.bases[n%uint64(len(c.bases))], HTTP: c.http}
}
