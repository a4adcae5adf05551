package hookhttp_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"minilab/internal/fault"
	"minilab/internal/hook"
	"minilab/internal/hook/hookhttp"
	"minilab/internal/httpx"
)

// saying is a service that answers every request with the same.
func saying(t *testing.T, answer string) *httpx.Client {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, answer)
	}))
	t.Cleanup(s.Close)
	transport := httpx.NewTransport()
	t.Cleanup(transport.CloseIdleConnections)
	return httpx.NewClient(s.URL, transport)
}

// TestLiars: what no outbox can say is not believed.
func TestLiars(t *testing.T) {
	const good = `{"id":"msg_a","hold":"h","secrets":["whsec_AAAA"]}`
	r := hook.ClaimRequest{Max: 1, Hold: time.Minute}
	for _, answer := range []string{
		`{"claims":[` + good + `,` + good + `]}`, `{"claims":[{"id":"msg_a","hold":"h"}]}`, `{"claims":[{"hold":"h","secrets":["x"]}]}`,
		`{"claims":[{"id":"msg_a","secrets":["x"]}]}`, `{"claims":7}`, `nonsense`, ``,
	} {
		list, err := hookhttp.NewOutbox(saying(t, answer)).ClaimDeliveries(t.Context(), r)
		if fault.KindOf(err) != fault.BadGateway || list != nil {
			t.Errorf("%s is taken for %+v, %v", answer, list, err)
		}
	}
	if list, err := hookhttp.NewOutbox(saying(t, `{"claims":[`+good+`]}`)).ClaimDeliveries(t.Context(), r); err != nil || len(list) != 1 {
		t.Errorf("a good answer: %v, %v", list, err)
	}
	for _, answer := range []string{`{"results":[]}`, `{"results":[{"id":"a"},{"id":"b"}]}`, `nonsense`} {
		errs, err := hookhttp.NewOutbox(saying(t, answer)).ReportDeliveries(t.Context(), []hook.Report{{ID: "a", Hold: "h", Outcome: hook.Taken}})
		if fault.KindOf(err) != fault.BadGateway || errs != nil {
			t.Errorf("%s is taken for %v, %v", answer, errs, err)
		}
	}
}

// TestOddIDs do not become other paths.
func TestOddIDs(t *testing.T) {
	d := hookhttp.NewDesk(saying(t, `{}`))
	for _, id := range []string{"", ".", "..", "a/b", "a%2fb", "a?owner=bob", "A", "ä", strings.Repeat("a", hook.MaxName+1)} {
		_, enabled := d.Enable(t.Context(), "ann", id)
		_, pinged := d.Ping(t.Context(), "ann", id)
		_, again := d.Redeliver(t.Context(), "ann", id)
		for _, err := range []error{d.Unsubscribe(t.Context(), "ann", id), enabled, pinged, again} {
			if fault.KindOf(err) != fault.NotFound {
				t.Errorf("%q: %v", id, err)
			}
		}
	}
}

// noOutbox is an outbox that fails as a defect does.
type noOutbox struct{ hook.Outbox }

func (noOutbox) ClaimDeliveries(context.Context, hook.ClaimRequest) ([]hook.Claimed, error) {
	return nil, io.ErrUnexpectedEOF
}

func TestRequestsThatCannotBe(t *testing.T) {
	rt := httpx.NewRouter(slog.New(slog.DiscardHandler))
	hookhttp.RouteOutbox(rt, noOutbox{})
	for _, c := range []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"POST", "/deliveryClaims", `{"max":1,"hold":1000}`, 500, "internal"},
		{"POST", "/deliveryClaims", `{"max":"x"}`, 400, "invalid-json"},
		{"POST", "/deliveryClaims", `{"other":1}`, 400, "invalid-json"},
		{"POST", "/deliveryReports", `{}`, 400, "invalid-json"},
		{"POST", "/deliveryClaims", `"` + strings.Repeat("x", 1<<20) + `"`, 413, "too-large"},
		{"GET", "/deliveryClaims", ``, 405, "method-not-allowed"},
	} {
		w := httptest.NewRecorder()
		rt.ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
		if w.Code != c.status || !strings.Contains(w.Body.String(), `"code":"`+c.code+`"`) || strings.Contains(w.Body.String(), "EOF") {
			t.Errorf("%s %s %.20s: %d %s", c.method, c.path, c.body, w.Code, w.Body)
		}
	}
}
