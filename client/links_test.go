package client_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"minilab/client"
)

func TestLinksAreAskedFor(t *testing.T) {
	l, c := newLiar(t, says(http.StatusServiceUnavailable, `{"code":"unavailable"}`), says(http.StatusCreated, `{"url":"/api/v1/tasks/a/result?link=x","expiresAt":"2026-12-01T12:00:00Z"}`))
	for wish, ask := range map[string]func() (client.Link, error){
		`{"task":"a"}`: func() (client.Link, error) { return c.LinkTo(t.Context(), client.Picture{Task: "a"}, 0) },
		`{"task":"a","output":"b","download":true,"expires":"1h0m0s"}`: func() (client.Link, error) {
			return c.LinkTo(t.Context(), client.Picture{Task: "a", Output: "b", Attachment: true}, time.Hour)
		},
		`{"task":"a","original":true}`: func() (client.Link, error) {
			return c.LinkTo(t.Context(), client.Picture{Task: "a", Original: true}, 0)
		},
		`{"upload":{}}`: func() (client.Link, error) { return c.LinkFor(t.Context(), client.Order{}, 0, 0) },
		`{"upload":{"pipeline":"flip","tags":["web"],"maxBytes":5},"expires":"1m0s"}`: func() (client.Link, error) {
			return c.LinkFor(t.Context(), client.Order{Pipeline: "flip", Tags: []string{"web"}}, 5, time.Minute)
		},
	} {
		link, err := ask()
		if err != nil || link.URL != c.Server+"/api/v1/tasks/a/result?link=x" || link.ExpiresAt.Year() != 2026 {
			t.Errorf("%s: %+v, %v", wish, link, err)
		}
		var asked, want any
		if err := json.Unmarshal([]byte(l.bodies[len(l.bodies)-1]), &asked); err != nil {
			t.Error(err)
		}
		if err := json.Unmarshal([]byte(wish), &want); err != nil {
			t.Error(err)
		}
		if !reflect.DeepEqual(asked, want) {
			t.Errorf("asked for %v, want %v", asked, want)
		}
	}
}

// TestLinksToElsewhere: behind a server's name "@example.org" would be another's.
func TestLinksToElsewhere(t *testing.T) {
	for _, url := range []string{"", "@example.org/", "https://example.org/", ".example.org/", "//example.org/"} {
		_, c := newLiar(t, says(http.StatusCreated, `{"url":"`+url+`","expiresAt":"2026-12-01T12:00:00Z"}`))
		if link, err := c.LinkTo(t.Context(), client.Picture{Task: "a"}, 0); err == nil || strings.Contains(link.URL, "example") {
			t.Errorf("%q: %+v, %v", url, link, err)
		}
	}
}
