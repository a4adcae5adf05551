package uploads

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// deadlines notes those of a connection.
type deadlines struct {
	*httptest.ResponseRecorder
	read, write []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.read = append(d.read, at)
	return nil
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.write = append(d.write, at)
	return nil
}

// TestInterruptedBodyStaysInterrupted: a body that sets its own deadline at each
// read must not wait for more once its reading was ended.
func TestInterruptedBodyStaysInterrupted(t *testing.T) {
	d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	c := http.NewResponseController(&answer{ResponseWriter: d, conn: http.NewResponseController(d)})
	now := time.Now()
	for _, at := range []time.Time{now.Add(time.Hour), {}, now, now.Add(time.Hour), {}} {
		if err := c.SetReadDeadline(at); err != nil {
			t.Error(err)
		}
	}
	if err := c.SetWriteDeadline(now.Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if len(d.read) != 3 || !d.read[2].Equal(now) || len(d.write) != 0 {
		t.Errorf("the connection's deadlines were %v and %v", d.read, d.write)
	}
}
