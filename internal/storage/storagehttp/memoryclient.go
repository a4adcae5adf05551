package storagehttp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"minilab/internal/httpx"
	"minilab/internal/storage"
)

// whole gets an image: the memory in which it lies, or else its bytes.
func (c *Client) whole(ctx context.Context, state storage.State, key string) (storage.Object, error) {
	at, err := openCounter()
	if err != nil { // such sockets may be forbidden here
		return c.stream(ctx, state, key, storage.Part{}, nil)
	}
	defer at.close()
	req := httpx.Request{Method: http.MethodGet, Header: http.Header{HeaderMemory: {at.String()}}}
	resp, err := c.call(ctx, state, key, req)
	if err != nil {
		return storage.Object{}, err
	}
	if resp.Header.Get(HeaderMemory) == "" {
		return streamed(ctx, resp, state, key, storage.Part{})
	}
	obj, err := c.received(ctx, resp, state, key, at)
	if errors.Is(err, errAway) {
		return c.stream(ctx, state, key, storage.Part{}, nil)
	}
	return obj, operand(state, key, err)
}

// received is an image whose memory was brought to the counter, which is errAway if
// it was not.
func (c *Client) received(ctx context.Context, resp *http.Response, state storage.State, key string, at *counter) (storage.Object, error) {
	var a answer
	if err := c.http.Decode(ctx, resp, &a); err != nil {
		return storage.Object{}, err
	}
	memory, err := at.receive(ctx, resp.Header.Get(HeaderMemory))
	if err != nil {
		return storage.Object{}, errAway.Because(err)
	}
	if info, err := memory.Stat(); err != nil || info.Size() != a.Size || a.Key != key || a.State != state {
		memory.Close()
		return storage.Object{}, httpx.ErrNonsense.Because(fmt.Errorf("it says that %+v was handed over", a))
	}
	c.near.Store(true)
	return storage.Object{Info: storage.Info(a), Part: storage.Part{Length: a.Size}, Body: storage.SealedBody(memory, a.Size)}, nil
}

// hand puts an image by the memory in which it lies. It is errAway, and r is not
// read, where it does not or the storage is not known to be near.
func (c *Client) hand(ctx context.Context, state storage.State, key string, r io.Reader, opts storage.PutOptions) (storage.Info, error) {
	if !c.near.Load() || opts.Size < leastMemory {
		return storage.Info{}, errAway
	}
	memory := storage.MemoryOf(r)
	if memory == nil {
		return storage.Info{}, errAway
	}
	if info, err := memory.Stat(); err != nil || info.Size() != opts.Size {
		memory.Close()
		return storage.Info{}, errAway // what is wrong with it shows when it is read
	}
	info, err := c.offer(ctx, state, key, memory, opts)
	if err != nil {
		c.near.Store(false) // until memory comes again
	}
	return info, err
}

// offer puts memory, which it closes.
func (c *Client) offer(ctx context.Context, state storage.State, key string, memory *os.File, opts storage.PutOptions) (storage.Info, error) {
	at, err := openCounter()
	if err != nil {
		memory.Close()
		return storage.Info{}, errAway
	}
	defer at.close()
	go at.offer(memory)
	h := header(opts)
	h.Set(HeaderMemory, at.String())
	resp, err := c.call(ctx, state, key, httpx.Request{Method: http.MethodPut, Header: h})
	if err != nil {
		return storage.Info{}, err
	}
	return c.stored(ctx, resp, state, key, opts)
}
