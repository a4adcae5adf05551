// Package client calls a minilab's public API, /api/v1: it hands images in,
// waits for them and fetches what was made of them.
//
//	lab, err := client.New("http://127.0.0.1:8080", client.WithKey(key))
//	task, err := lab.Submit(ctx, client.File("photo.jpg"), client.Order{Pipeline: "resize:512x512/webp"})
//	task, err = lab.Wait(ctx, task.ID)
//	_, err = lab.Result(ctx, task.ID, "", file)
//
// # Errors
//
// What the lab refuses is an *Error, to be found by errors.As, with a stable
// Code. Anything else is an error of the network or of this side.
//
// # Trying again
//
// A call is made again, with growing pauses, while the lab cannot be reached,
// answers that it is busy (429, 503: not before the Retry-After) or is out of
// order (500, 502, 504), for a minute, or as long as WithPatience says;
// WithWaiting has you told. A submission carries an Idempotency-Key, so that one
// that is sent twice makes one task. A result that breaks off is fetched on from
// where it broke.
//
// Redirects are not followed: the API has none.
package client
