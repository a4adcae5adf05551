package discovery

import (
	"context"
	"errors"

	"minilab/internal/fault"
	"minilab/internal/kv"
)

// StoreKey is where the identity of the store is noted that a lab's service
// has. Who registers first notes its own.
func StoreKey(service string) string { return "stores/" + service }

// ErrOtherStore says that an instance would bring a second store into the lab:
// half of the calls would go to one and half to the other, and each would miss
// what the other has.
var ErrOtherStore = fault.New(fault.Conflict, "other-store", "the lab has another store for this service")

// claimed is nil when the instance's store is the lab's, or the first.
func claimed(ctx context.Context, store kv.Store, i Instance) error {
	if i.Store == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, Renewal)
	defer cancel()
	e, err := store.Get(ctx, StoreKey(i.Service))
	if errors.Is(err, kv.ErrNotFound) {
		_, _, err = store.Put(ctx, StoreKey(i.Service), []byte(i.Store), kv.PutOptions{IfAbsent: true})
		return err // stale where another was faster: then it is looked at next time
	}
	if err == nil && string(e.Value) != i.Store {
		return ErrOtherStore.Detailf("the lab's %s keeps its data in the store %.64q, this one in %q, so nobody is sent here; "+
			"if the other one is gone for good, delete the key %s from the key-value store", i.Service, e.Value, i.Store, StoreKey(i.Service))
	}
	return err
}
