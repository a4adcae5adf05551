package hook

import (
	"crypto/rand"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits that hold in every engine.
const (
	MaxWebhooks = 16   // of one owner
	MaxURL      = 2048 // bytes
	MaxName     = 128  // bytes of an owner or tag
	MaxTags     = 32   // of one webhook
	MaxError    = 256  // bytes
	MaxLog      = 20   // attempts of one delivery that are remembered
	MaxPage     = 100  // deliveries of one answer
	MaxClaim    = 32   // deliveries of one claim
	MaxBusy     = 256  // endpoints of one claim
	MaxBatch    = 100  // reports of one list
	MaxHold     = 10 * time.Minute
	MaxWait     = time.Minute
	MaxDelay    = 7 * 24 * time.Hour // until another attempt

	// How many deliveries that have ended are remembered at most, and for how
	// long at most.
	Keep    = 100_000
	KeepFor = 30 * 24 * time.Hour

	// SecretOverlap is how long the secret before a rotation is signed with.
	SecretOverlap = 24 * time.Hour

	secretPrefix = "whsec_"
	secretBytes  = 32
)

// CheckWebhook is the error of the first thing that is wrong with a webhook to
// be made.
func CheckWebhook(w Webhook) error {
	if err := CheckURL(w.URL); err != nil {
		return err
	}
	for _, t := range w.Types {
		if !slices.Contains(Types, t) {
			return ErrInvalid.Detailf("a type is one of %s", strings.Join(Types, ", "))
		}
	}
	switch {
	case len(w.Types) > len(Types):
		return ErrInvalid.Detailf("each type is named once")
	case len(w.Tags) > MaxTags:
		return ErrInvalid.Detailf("a webhook has at most %d tags", MaxTags)
	case slices.Contains(w.Tags, "") || slices.ContainsFunc(append([]string{w.Owner}, w.Tags...), badName):
		return ErrInvalid.Detailf("a tag has 1 to %d bytes of UTF-8 without control characters", MaxName)
	}
	return nil
}

func badName(name string) bool {
	return len(name) > MaxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl)
}

// CheckURL is the error of the first thing that is wrong with a receiver's URL.
// What is sent to it is signed, so it needs no credentials, which would be seen
// by whoever lists deliveries.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case len(text) > MaxURL:
		return ErrInvalid.Detailf("a URL has at most %d bytes", MaxURL)
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || !utf8.ValidString(text):
		return ErrInvalid.Detailf("the URL is not one of http or https")
	case u.User != nil:
		return ErrInvalid.Detailf("the URL has no user name and no password")
	case strings.Contains(text, "#"):
		return ErrInvalid.Detailf("the URL has no fragment, which is never sent")
	}
	if _, port, odd := strings.Cut(u.Host[strings.LastIndex(u.Host, "]")+1:], ":"); odd {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return ErrInvalid.Detailf("the URL's port is a number from 1 to 65535")
		}
	}
	return nil
}

// CheckFilter is the error of the first thing that is wrong with a filter, but
// for its cursor.
func CheckFilter(f Filter) error {
	if f.Owner == "" {
		return ErrInvalid.Detailf("deliveries are listed of one owner")
	}
	return nil
}

// CheckClaim is the error of the first thing that is wrong with a claim.
func CheckClaim(r ClaimRequest) error {
	switch {
	case r.Max < 1 || r.Max > MaxClaim || r.Each < 0:
		return ErrInvalid.Detailf("a claim is for 1 to %d deliveries", MaxClaim)
	case len(r.Busy) > MaxBusy:
		return ErrInvalid.Detailf("a claim names at most %d busy endpoints", MaxBusy)
	case r.Hold <= 0 || r.Hold > MaxHold:
		return ErrInvalid.Detailf("a hold is for at most %v", MaxHold)
	case r.Wait < 0 || r.Wait > MaxWait:
		return ErrInvalid.Detailf("a claim waits for at most %v", MaxWait)
	}
	return nil
}

// CheckReport is the error of the first thing that is wrong with a report.
func CheckReport(r Report) error {
	switch r.Outcome {
	case Taken, Again, Abandon, Unwanted, Unsent:
	default:
		return ErrInvalid.Detailf("there is no such outcome")
	}
	if r.Next < 0 || r.Next > MaxDelay {
		return ErrInvalid.Detailf("another attempt is at most %v away", MaxDelay)
	}
	return nil
}

// CheckBatch is ErrInvalid for a list of reports that is too long.
func CheckBatch(n int) error {
	if n > MaxBatch {
		return ErrInvalid.Detailf("a list has at most %d entries", MaxBatch)
	}
	return nil
}

// ClampError cuts an attempt's error to size.
func ClampError(text string) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "\uFFFD")
	for len(text) > MaxError {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

// PageLimit is the number of entries that a page with this limit has.
func PageLimit(limit int) int {
	if limit <= 0 || limit > MaxPage {
		return MaxPage
	}
	return limit
}

// NewSecret makes a secret in the form of Standard Webhooks.
func NewSecret() string {
	key := make([]byte, secretBytes)
	_, _ = rand.Read(key) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// NewID makes the ID of a webhook.
func NewID() string { return "wh-" + strings.ToLower(rand.Text()) }
