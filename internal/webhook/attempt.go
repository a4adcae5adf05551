package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"minilab/internal/hook"
	"minilab/internal/outbound"
)

// What is read of an answer, so that its connection can be used again: so many
// bytes, for so long.
const (
	answerBytes = 4 << 10
	answerTime  = time.Second
)

// errSlow is the cause of calls that took too long.
var errSlow = errors.New("no answer in time")

// attempt makes one call and judges what came of it.
func (d *Deliverer) attempt(ctx context.Context, one hook.Claimed) hook.Report {
	start := time.Now()
	status, after, err := d.call(ctx, one)
	report := hook.Report{Took: time.Since(start), Status: status}
	switch {
	case errors.Is(err, errStopping):
		return hook.Report{Outcome: hook.Unsent} // it may have come: it is sent again under the same ID
	case err == nil && status >= http.StatusOK && status < http.StatusMultipleChoices:
		report.Outcome = hook.Taken
		return report
	case status == http.StatusGone && one.Webhook != "":
		report.Outcome = hook.Unwanted
	case status == http.StatusGone || one.Type == hook.Test || one.Attempts > len(delays):
		report.Outcome = hook.Abandon
	default:
		report.Outcome, report.Next = hook.Again, next(one.Attempts, after, d.cfg.Jitter())
	}
	report.Error = said(status, err)
	d.cfg.Log.Info("a webhook was not taken", "message", one.ID, "task_id", one.Task, "endpoint", one.Endpoint,
		"attempt", one.Attempts, "outcome", string(report.Outcome), "status", status, "error", err)
	return report
}

// said is what the owner is told of a call that went wrong: not more than is
// known of any public address.
func said(status int, err error) string {
	switch {
	case status >= http.StatusMultipleChoices && status < http.StatusBadRequest:
		return fmt.Sprintf("it answered %d; redirects are not followed", status)
	case status != 0:
		return fmt.Sprintf("it answered %d", status)
	case errors.Is(err, errSlow):
		return "no answer in time"
	case errors.Is(err, outbound.ErrAddress), errors.Is(err, outbound.ErrURL):
		return "the address may not be asked, or there is none of that name"
	case errors.Is(err, errUnsigned):
		return "the message could not be signed"
	}
	return "no answer"
}

var errUnsigned = errors.New("the secret is none")

// call sends the message. after is how long the receiver asks to be left alone.
func (d *Deliverer) call(ctx context.Context, one hook.Claimed) (status int, after time.Duration, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d.cfg.CallTime, errSlow)
	defer cancel()
	req, err := request(ctx, one, time.Now())
	if err != nil {
		return 0, 0, err
	}
	resp, err := d.cfg.Caller.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return 0, 0, err
	}
	defer resp.Body.Close()
	enough := time.AfterFunc(answerTime, cancel)
	defer enough.Stop()
	_, _ = io.CopyN(io.Discard, resp.Body, answerBytes) // the status has said it all
	return resp.StatusCode, retryAfter(resp.Header.Get("Retry-After"), time.Now()), nil
}

// request is the message, signed at now with each of the secrets.
func request(ctx context.Context, one hook.Claimed, now time.Time) (*http.Request, error) {
	body, err := body(one.Delivery)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, one.URL, bytes.NewReader(body))
	if err != nil {
		return nil, outbound.ErrURL.Because(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(standardwebhooks.HeaderWebhookID, one.ID)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	signatures := make([]byte, 0, 64)
	for i, secret := range one.Secrets {
		signature, err := sign(secret, one.ID, now, body)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			signatures = append(signatures, ' ')
		}
		signatures = append(signatures, signature...)
	}
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, string(signatures))
	return req, nil
}

func sign(secret, id string, now time.Time, body []byte) (string, error) {
	key, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return "", fmt.Errorf("%w: %w", errUnsigned, err)
	}
	return key.Sign(id, now, body)
}

// retryAfter reads the header of that name: seconds, or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return at.Sub(now)
	}
	return 0
}
