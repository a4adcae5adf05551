package sqltaskdb

import (
	"context"
	"database/sql"
	"errors"

	"minilab/internal/hook"
	"minilab/internal/taskdb"
)

const (
	insertWebhook = `INSERT INTO webhooks (id, owner, url, types, tags, secret, old_secret, old_until, created_at, delivered_at, disabled_at, disabled_why)
		SELECT ?, ?, ?, ?, ?, ?, '', 0, ?, 0, 0, '' WHERE (SELECT count(*) FROM webhooks WHERE owner = ?) < ?`
	webhookColumns = `id, owner, url, types, tags, created_at, delivered_at, disabled_at, disabled_why`
	selectWebhooks = `SELECT ` + webhookColumns + ` FROM webhooks WHERE owner = ? ORDER BY created_at, id`
	deleteWebhook  = `DELETE FROM webhooks WHERE id = ? AND owner = ?`
	enableWebhook  = `UPDATE webhooks SET disabled_at = 0, disabled_why = '' WHERE id = ? AND owner = ? RETURNING ` + webhookColumns
	rotateWebhook  = `UPDATE webhooks SET old_secret = secret, old_until = ?, secret = ? WHERE id = ? AND owner = ?`

	insertSecret = `INSERT INTO callback_secrets (owner, secret, old_secret, old_until) VALUES (?, ?, '', 0) ON CONFLICT (owner) DO NOTHING`
	selectSecret = `SELECT secret FROM callback_secrets WHERE owner = ?`
	rotateSecret = `UPDATE callback_secrets SET old_secret = secret, old_until = ?, secret = ? WHERE owner = ?`

	insertPing = `INSERT INTO outbox (seq, task_id, owner, type, payload, url, hook, next_at, created_at)
		SELECT 0, '', owner, ?1, json_object('webhook', id), url, id, ?2, ?2 FROM webhooks WHERE id = ?3 AND owner = ?4 AND disabled_at = 0`
	selectPing     = `SELECT message FROM outbox WHERE id = ?`
	whetherWebhook = `SELECT 1 FROM webhooks WHERE id = ? AND owner = ?`
)

// Subscribe implements hook.Desk.
func (s *Store) Subscribe(ctx context.Context, w hook.Webhook) (hook.Webhook, error) {
	w.Owner = or(w.Owner, taskdb.DefaultOwner)
	if err := hook.CheckWebhook(w); err != nil {
		return hook.Webhook{}, err
	}
	made := hook.Webhook{ID: hook.NewID(), Owner: w.Owner, URL: w.URL, Types: w.Types, Tags: w.Tags, Secret: hook.NewSecret()}
	var types, tags string
	if err := encode(&types, append([]string{}, w.Types...), &tags, append([]string{}, w.Tags...)); err != nil {
		return hook.Webhook{}, err
	}
	err := s.write(ctx, func(c *change) error {
		made.CreatedAt = at(c.now)
		n, err := changed(c.Exec(insertWebhook, made.ID, made.Owner, made.URL, types, tags, made.Secret, c.now, made.Owner, hook.MaxWebhooks))
		if n == 0 && err == nil {
			err = hook.ErrTooMany.Detailf("an owner has at most %d webhooks", hook.MaxWebhooks)
		}
		return err
	})
	return made, err
}

// Webhooks implements hook.Desk.
func (s *Store) Webhooks(ctx context.Context, owner string) ([]hook.Webhook, error) {
	rows, err := s.db.Read().QueryContext(ctx, selectWebhooks, owner)
	if err != nil {
		return nil, s.readFault(ctx, err)
	}
	defer rows.Close()
	list := []hook.Webhook{}
	for rows.Next() {
		w, err := scanWebhook(rows)
		if err != nil {
			return nil, s.readFault(ctx, err)
		}
		list = append(list, w)
	}
	return list, s.readFault(ctx, rows.Err())
}

func scanWebhook(row scanner) (w hook.Webhook, err error) {
	var types, tags string
	var created, delivered, disabled int64
	if err := row.Scan(&w.ID, &w.Owner, &w.URL, &types, &tags, &created, &delivered, &disabled, &w.DisabledWhy); err != nil {
		return w, err
	}
	w.CreatedAt, w.DeliveredAt, w.DisabledAt = at(created), at(delivered), at(disabled)
	return w, decode(types, &w.Types, tags, &w.Tags)
}

// Unsubscribe implements hook.Desk.
func (s *Store) Unsubscribe(ctx context.Context, owner, id string) error {
	return s.write(ctx, func(c *change) error {
		return oneWebhook(id)(changed(c.Exec(deleteWebhook, id, owner)))
	})
}

// oneWebhook is the error of a change that was to hit the webhook.
func oneWebhook(id string) func(n int64, err error) error {
	return func(n int64, err error) error {
		if n == 0 && err == nil {
			return noWebhook(id)
		}
		return err
	}
}

func noWebhook(id string) error { return hook.ErrNotFound.Detailf("there is no webhook %q", id) }

// Enable implements hook.Desk.
func (s *Store) Enable(ctx context.Context, owner, id string) (w hook.Webhook, err error) {
	err = s.write(ctx, func(c *change) (err error) {
		w, err = scanWebhook(c.QueryRow(enableWebhook, id, owner))
		if errors.Is(err, sql.ErrNoRows) {
			err = noWebhook(id)
		}
		return err
	})
	return w, err
}

// Secret implements hook.Desk.
func (s *Store) Secret(ctx context.Context, owner, id string, rotate bool) (secret string, err error) {
	if id != "" && !rotate {
		return "", hook.ErrInvalid.Detailf("the secret of a webhook is shown when it is made and when it is rotated, and not again")
	}
	err = s.write(ctx, func(c *change) (err error) {
		until := c.now + hook.SecretOverlap.Microseconds()
		if id != "" {
			secret = hook.NewSecret()
			return oneWebhook(id)(changed(c.Exec(rotateWebhook, until, secret, id, owner)))
		}
		if secret, err = makeCallbackSecret(c, owner); err != nil || !rotate {
			return err
		}
		secret = hook.NewSecret()
		_, err = c.Exec(rotateSecret, until, secret, owner)
		return err
	})
	return secret, err
}

// makeCallbackSecret is the owner's, made if there is none.
func makeCallbackSecret(c *change, owner string) (secret string, err error) {
	if _, err := c.Exec(insertSecret, owner, hook.NewSecret()); err != nil {
		return "", err
	}
	err = c.QueryRow(selectSecret, owner).Scan(&secret)
	return secret, err
}

// Ping implements hook.Desk.
func (s *Store) Ping(ctx context.Context, owner, id string) (d hook.Delivery, err error) {
	err = s.write(ctx, func(c *change) error {
		res, err := c.Exec(insertPing, hook.Test, c.now, id, owner)
		n, err := changed(res, err)
		if err != nil {
			return err
		}
		if n == 0 {
			return unpinged(c, owner, id)
		}
		key, err := res.LastInsertId()
		if err != nil {
			return err
		}
		var message string
		if err := c.QueryRow(selectPing, key).Scan(&message); err != nil {
			return err
		}
		c.queued = true
		_, _, _, err = readDelivery(c, owner, message, &d)
		return err
	})
	return d, err
}

// unpinged is why nothing was queued.
func unpinged(c *change, owner, id string) error {
	err := c.QueryRow(whetherWebhook, id, owner).Scan(new(int))
	if errors.Is(err, sql.ErrNoRows) {
		return noWebhook(id)
	}
	if err != nil {
		return err
	}
	return hook.ErrInactive
}
