package clients

import (
	"io"
	"testing"
	"time"

	"minilab/internal/trials"
)

// TestTooManyConnections opens more connections than a process takes, which is
// a third of the files that it may open: those above are told so, those within
// are served, and the process neither ends nor spins.
func TestTooManyConnections(t *testing.T) {
	const files = 256
	const taken = (files - 64) / 3
	l := newLab(t, trials.OneProcess, files)
	stop := serve(t, l)
	before := look(t, l, "frontend")
	c := gather(t, address(l, "frontend"), 2*taken, "")
	said := c.hear(3*time.Second, `"connections"`)
	if n := said[`503 "connections"`]; n < taken || n > 2*taken-taken/2 {
		t.Errorf("of %d connections %d are refused: %v", 2*taken, n, said)
	}
	is := lookAt(t, process(t, l, "frontend").PID())
	if is.files > files {
		t.Errorf("%d files are open", is.files)
	}
	if used := is.cpu - before.cpu; used > 20*time.Second {
		t.Errorf("it has computed for %v", used)
	}
	c.leave()
	within(t, 20*time.Second, "connections are taken again", func() bool {
		one := dial(t, address(l, "frontend"))
		defer one.Close()
		_, _ = io.WriteString(one, request("GET", "/livez"))
		a, err := hear(one)
		return err == nil && a.status == 200
	})
	stop()
	if err := l.Stop(); err != nil {
		t.Error(err)
	}
}
