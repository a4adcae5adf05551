package sqlitedb

// Queued is how many operations wait for the writer.
func (db *DB) Queued() int { return len(db.writer.queue) }
