package sqltaskdb

import (
	"context"
	"database/sql"
	"errors"

	"minilab/internal/hook"
)

// Why webhooks are disabled.
const (
	whyFailing = "nothing could be delivered for as long as it is tried"
	whyGone    = "the receiver answered 410 Gone"
)

const (
	selectHold = `SELECT id, hook, type, endpoint, queued_at FROM outbox WHERE message = ? AND hold = ? AND message <> '' AND hold <> ''`

	postpone = `UPDATE outbox SET hold = '', next_at = ? WHERE id = ?`
	putBack  = `UPDATE outbox SET hold = '', next_at = ?, attempts = attempts - 1 WHERE id = ?`

	noteTaken   = `UPDATE webhooks SET delivered_at = ? WHERE id = ?`
	noteGoneFor = `UPDATE webhooks SET disabled_at = ?, disabled_why = ? WHERE id = ? AND disabled_at = 0`
	noteFailing = noteGoneFor + ` AND delivered_at < ?`

	insertAttempt = `INSERT INTO outbox_attempts (delivery, at, took, status, error) VALUES (?, ?, ?, ?, ?)`
	dropAttempts  = `DELETE FROM outbox_attempts WHERE delivery = ?1 AND id <= (
		SELECT id FROM outbox_attempts WHERE delivery = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)`
)

// ReportDeliveries implements hook.Outbox.
func (s *Store) ReportDeliveries(ctx context.Context, list []hook.Report) ([]error, error) {
	if err := hook.CheckBatch(len(list)); err != nil {
		return nil, err
	}
	errs := make([]error, len(list))
	if len(list) == 0 {
		return errs, nil
	}
	err := s.write(ctx, func(c *change) error {
		clear(errs)
		for i, r := range list {
			err := reportDelivery(c, r)
			if err != nil && !errors.Is(err, hook.ErrHoldLost) && !errors.Is(err, hook.ErrInvalid) {
				return err
			}
			errs[i] = err
		}
		c.queued = true
		return nil
	})
	if err != nil {
		return nil, err
	}
	return errs, nil
}

// heldDelivery is what a report needs to know of its delivery.
type heldDelivery struct {
	id                   int64
	hook, kind, endpoint string
	queuedAt             int64
}

func reportDelivery(c *change, r hook.Report) error {
	if err := hook.CheckReport(r); err != nil {
		return err
	}
	var h heldDelivery
	err := c.QueryRow(selectHold, r.ID, r.Hold).Scan(&h.id, &h.hook, &h.kind, &h.endpoint, &h.queuedAt)
	if errors.Is(err, sql.ErrNoRows) {
		return hook.ErrHoldLost.Detailf("the delivery %q is not held by this hold any more", r.ID)
	}
	if err != nil {
		return err
	}
	for _, step := range []func(*change, heldDelivery, hook.Report) error{logAttempt, moveDelivery, judgeWebhook} {
		if err := step(c, h, r); err != nil {
			return err
		}
	}
	return settleLane(c, h.endpoint)
}

func logAttempt(c *change, h heldDelivery, r hook.Report) error {
	if r.Outcome == hook.Unsent {
		return nil
	}
	if _, err := c.Exec(insertAttempt, h.id, c.now, r.Took.Microseconds(), r.Status, hook.ClampError(r.Error)); err != nil {
		return err
	}
	_, err := c.Exec(dropAttempts, h.id, hook.MaxLog)
	return err
}

func moveDelivery(c *change, h heldDelivery, r hook.Report) (err error) {
	switch r.Outcome {
	case hook.Again:
		_, err = c.Exec(postpone, c.now+r.Next.Microseconds(), h.id)
	case hook.Unsent:
		_, err = c.Exec(putBack, c.now, h.id)
	case hook.Taken:
		_, err = c.Exec(endDelivery, c.now, string(hook.Delivered), "", h.id)
	default:
		_, err = c.Exec(endDelivery, c.now, string(hook.GivenUp), "", h.id)
	}
	return err
}

// judgeWebhook notes what the outcome says of the webhook. That a test failed
// says nothing: it is tried once.
func judgeWebhook(c *change, h heldDelivery, r hook.Report) (err error) {
	switch {
	case h.hook == "":
	case r.Outcome == hook.Taken:
		_, err = c.Exec(noteTaken, c.now, h.hook)
	case r.Outcome == hook.Unwanted:
		_, err = c.Exec(noteGoneFor, c.now, whyGone, h.hook)
	case r.Outcome == hook.Abandon && h.kind != hook.Test:
		_, err = c.Exec(noteFailing, c.now, whyFailing, h.hook, h.queuedAt)
	}
	return err
}
