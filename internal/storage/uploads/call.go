package uploads

import (
	"context"
	"fmt"
	"sync"

	"minilab/internal/fault"
	"minilab/internal/kv/kvlock"
)

// call is what is known of a request under way. tusd hands its context to the
// store and to the locker, but what they answer only in its own words.
type call struct {
	Call
	sum *checksum // of the request's body, or nil

	mu    sync.Mutex
	lock  *kvlock.Held // of the upload, once it is held
	fault error        // the first one
}

type callKey struct{}

// callOf is that of tusd's context, or one of nobody.
func callOf(ctx context.Context) *call {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c
	}
	return &call{}
}

// failed notes what the request is to be answered with; nil stays nil.
func (c *call) failed(err error) error {
	if err == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fault == nil {
		c.fault = err
	}
	return err
}

func (c *call) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.fault
}

func (c *call) holds(h *kvlock.Held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lock = h
}

// valid is a fault unless this request may change the upload.
func (c *call) valid(id string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lock == nil {
		return fault.ErrInternal.Because(fmt.Errorf("upload %s is to be changed without its lock", id))
	}
	return c.lock.Valid()
}
