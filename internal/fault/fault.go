// Package fault is the one vocabulary of errors that every part of minilab
// speaks. A fault has a Kind out of a closed set, which maps one to one to an
// HTTP status, and a stable Code, by which errors.Is agrees on both sides of
// the wire.
//
// A contract package declares its faults once:
//
//	var ErrNotFound = fault.New(fault.NotFound, "not-found", "not found")
//
// and its engines return them with the operand filled in:
//
//	return ErrNotFound.Detailf("kv %q", key)
//
// Whatever is not a fault is a defect or a broken part below; its text is
// logged and never sent to a caller.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Fault is an error that may be shown to a caller. Faults are values: the
// With methods return changed copies, so a declared fault is never altered.
type Fault struct { //nolint:errname // it is called what it is
	Kind       Kind
	Code       string        // stable, lower case with hyphens
	Title      string        // the same short sentence for every fault of this code
	Detail     string        // what happened this time, for a person
	RetryAfter time.Duration // 0: no advice
	cause      error         // logged, never sent
}

// New declares a fault.
func New(kind Kind, code, title string) *Fault {
	return &Fault{Kind: kind, Code: code, Title: title}
}

// Error implements error.
func (f *Fault) Error() string {
	text := f.Title
	if f.Detail != "" {
		text = f.Detail
	}
	if f.cause != nil {
		return text + ": " + f.cause.Error()
	}
	return text
}

// Is makes two faults equal when their codes are.
func (f *Fault) Is(target error) bool {
	t, ok := target.(*Fault)
	return ok && t.Code == f.Code
}

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.cause }

// Detailf returns a copy that says what happened this time.
func (f *Fault) Detailf(format string, args ...any) *Fault {
	c := *f
	c.Detail = fmt.Sprintf(format, args...)
	return &c
}

// Because returns a copy with a cause, which is logged and never sent.
func (f *Fault) Because(cause error) *Fault {
	c := *f
	c.cause = cause
	return &c
}

// Retry returns a copy that advises the caller to come back after d.
func (f *Fault) Retry(d time.Duration) *Fault {
	c := *f
	c.RetryAfter = d
	return &c
}

// From finds the fault in err's chain. An error without one is an internal
// fault whose cause is err; nil stays nil.
func From(err error) *Fault {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*Fault](err); ok {
		return f
	}
	return ErrInternal.Because(err)
}

// KindOf is From(err).Kind; nil is 0.
func KindOf(err error) Kind {
	if err == nil {
		return 0
	}
	return From(err).Kind
}
