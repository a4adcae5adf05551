package leases

import (
	"context"
	"fmt"
	"strings"
	"time"

	"minilab/internal/lab"
	"minilab/internal/pipeline"
	"minilab/internal/taskdb"
)

// customer wants images altered, and changes its mind.
type customer struct{ actor }

func (c customer) visit(ctx context.Context) {
	for c.next(ctx) {
		id := c.someID()
		switch c.IntN(16) {
		case 0, 1, 2:
			c.create(ctx, wanted(c.poolID()))
		case 3:
			t := wanted(c.poolID()) // another's, under the same id
			t.Owner = "thief"
			c.create(ctx, t)
		case 4:
			t := wanted(c.poolID())
			t.RunAt = c.clock.time().Add(time.Duration(c.Int64N(int64(leaseTime))))
			c.create(ctx, t)
		case 5, 6, 7, 8, 9:
			c.submit(ctx)
		case 10, 11:
			c.change(ctx, cancel, id, c.tasks.Cancel)
		case 12:
			c.change(ctx, retry, id, c.tasks.Retry)
		case 13:
			_ = c.note(op{kind: remove, id: c.poolID()}, func(o *op) error { _, err := c.tasks.Delete(ctx, o.id); return err })
		case 14:
			c.keyed(ctx)
		default:
			_, _ = c.see(ctx, id)
		}
	}
}

// wanted is a task; its number says whose it is, and how it fares.
func wanted(id string) taskdb.Task {
	n := id[len(id)-1] - '0'
	return taskdb.Task{ID: id, Owner: fmt.Sprint("owner-", n%3), Priority: int(n%3) - 1, Pipeline: pipeline.Default(), Source: taskdb.Blob{Key: id, Size: 1}}
}

func (c customer) create(ctx context.Context, t taskdb.Task) {
	o := op{kind: create, id: t.ID, owner: t.Owner, key: t.IdempotencyKey, hash: t.IdempotencyHash}
	if !t.RunAt.IsZero() {
		o.runAt = t.RunAt.UnixMicro()
	}
	_ = c.note(o, func(o *op) (err error) {
		o.seen, o.created, err = c.tasks.Create(ctx, t)
		return err
	})
}

// submit hands an image in, as customers really do.
func (c customer) submit(ctx context.Context) {
	_ = c.note(op{kind: create, owner: taskdb.DefaultOwner}, func(o *op) error {
		task, err := c.lab.Submit(ctx, lab.Submission{Fresh: true, Size: 1}, strings.NewReader("x"))
		o.id, o.created = task.ID, err == nil
		c.heard(o.id)
		return err
	})
}

// keyed creates what others may be creating right now under the same key.
func (c customer) keyed(ctx context.Context) {
	n := c.IntN(8)
	t := wanted(fmt.Sprintf("k-%d-%d", c.turnOf(), n))
	t.Owner, t.IdempotencyKey, t.IdempotencyHash = "keyed", fmt.Sprint("key-", n), "same"
	if c.IntN(4) == 0 {
		t.IdempotencyHash = "other"
	}
	c.create(ctx, t)
}

// turnOf makes ids that nobody else uses.
func (c customer) turnOf() int64 { return c.h.turn.Add(1) }

func (c customer) change(ctx context.Context, k kind, id string, do func(context.Context, string) (taskdb.Task, error)) {
	_ = c.note(op{kind: k, id: id}, func(o *op) (err error) {
		o.seen, err = do(ctx, id)
		return err
	})
}
