package master

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// cell numbers the cell whose masters make the IDs; there is one.
const cell = 0

// newID makes a UUIDv7 (RFC 9562, 5.7) whose 12 bits rand_a hold the cell.
func newID(now time.Time) string {
	var u uuid.UUID
	_, _ = rand.Read(u[8:]) // never fails, see crypto/rand
	binary.BigEndian.PutUint64(u[:8], uint64(now.UnixMilli())<<16|0x7000|cell)
	u[8] = u[8]&0x3f | 0x80
	return u.String()
}
