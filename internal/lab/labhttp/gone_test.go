package labhttp_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"minilab/internal/httpx"
	"minilab/internal/lab"
	"minilab/internal/lab/labhttp"
	"minilab/internal/master/mastertest"
)

// late claims once its caller has gone, which the claim does not notice.
type late struct {
	lab.Workers
	waiting chan struct{}
}

func (l late) Claim(ctx context.Context, r lab.ClaimRequest) ([]lab.Work, error) {
	close(l.waiting)
	<-ctx.Done()
	return l.Workers.Claim(context.WithoutCancel(ctx), r)
}

func TestWorkClaimedForACallerThatHasGoneIsReleasedAtOnce(t *testing.T) {
	for name, body := range map[string]string{"without a body": "", "with a body": `{"x":1}`} {
		t.Run(name, func(t *testing.T) {
			f := mastertest.Open(t)
			task, err := f.Lab.Submit(t.Context(), lab.Submission{Fresh: true, Size: 1}, strings.NewReader("x"))
			if err != nil {
				t.Fatal(err)
			}
			id := task.ID
			waiting := make(chan struct{})
			rt := httpx.NewRouter(slog.New(slog.DiscardHandler))
			labhttp.RouteWorkers(rt, late{f.Lab, waiting})
			srv := httptest.NewServer(rt)
			ctx, leave := context.WithCancel(t.Context())
			go func() {
				<-waiting
				leave()
			}()
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL+"/getWork?worker=w", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if resp, err := http.DefaultClient.Do(req); err == nil {
				resp.Body.Close()
				t.Fatal("there is an answer for a caller that has gone")
			}
			srv.Close() // waits for the handler
			list, err := f.Lab.Claim(t.Context(), lab.ClaimRequest{Worker: "other", Wait: time.Second})
			if err != nil || len(list) != 1 || list[0].ID != id {
				t.Errorf("another worker gets %+v, %v", list, err)
			}
		})
	}
}
