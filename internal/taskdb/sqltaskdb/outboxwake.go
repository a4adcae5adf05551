package sqltaskdb

const (
	newestDelivery = `SELECT coalesce(max(id), 0) FROM outbox`

	dropDeliveries = `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE ended_at > 0 AND ended_at < ? ORDER BY ended_at LIMIT ?)`
	dropBeyond     = `DELETE FROM outbox WHERE id IN (SELECT id FROM outbox
		WHERE ended_at > 0 AND id <= (SELECT max(id) FROM outbox) - ? ORDER BY id LIMIT ?)`
)

// noteQueued finds out whether the change has put something into the outbox,
// which the schema's triggers do.
func (s *Store) noteQueued(c *change) error {
	if !c.moved {
		return nil
	}
	return c.QueryRow(newestDelivery).Scan(&c.newest)
}

// announceQueued wakes those who wait for deliveries.
func (s *Store) announceQueued(c *change) {
	if c.newest > 0 && s.newest.Swap(c.newest) != c.newest {
		c.queued = true
	}
	if c.queued {
		s.outbox.send()
	}
}
