package fault_test

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"minilab/internal/fault"
)

func TestIsComparesCodes(t *testing.T) {
	base := fault.New(fault.NotFound, "not-found", "not found")
	wrapped := fmt.Errorf("kv %q: %w", "a", base.Detailf("kv %q", "a").Because(errors.New("disk")))
	if !errors.Is(wrapped, base) {
		t.Error("a detailed, wrapped fault is not its declaration")
	}
	if errors.Is(wrapped, fault.ErrInternal) {
		t.Error("faults of different codes are equal")
	}
	if base.Detail != "" {
		t.Error("Detailf changed the declaration")
	}
}

func TestFromUnknownErrorIsInternal(t *testing.T) {
	err := errors.New("secret path /x")
	f := fault.From(err)
	if f.Kind != fault.Internal || !errors.Is(f, err) {
		t.Errorf("From(%v) = %#v", err, f)
	}
	if fault.From(nil) != nil || fault.KindOf(nil) != 0 {
		t.Error("nil is not nil")
	}
}

func TestKindsAndStatusesMapOneToOne(t *testing.T) {
	seen := map[int]fault.Kind{}
	for k := fault.Invalid; k <= fault.NoSpace; k++ {
		s := k.Status()
		if other, dup := seen[s]; dup {
			t.Errorf("kinds %d and %d share status %d", k, other, s)
		}
		seen[s] = k
		if fault.KindOfStatus(s) != k {
			t.Errorf("status %d does not lead back to kind %d", s, k)
		}
		if http.StatusText(s) == "" && k != fault.Mismatch {
			t.Errorf("kind %d has the unknown status %d", k, s)
		}
	}
	if fault.KindOfStatus(418) != fault.Invalid || fault.KindOfStatus(599) != fault.Internal {
		t.Error("statuses without a kind are misjudged")
	}
}
