// Package fuzz builds and runs the fuzz target of package coeff's C code, which
// is in harness/: libFuzzer under the address and the undefined behaviour
// sanitizer, from seeds that are made of the photographs of Go's own tests.
//
//	make fuzz-lane MINUTES=30
//
// What it demands is at the head of harness/lane.c. It is compiled by Debian 12's
// clang, with the static libjpeg of the checkout.
package fuzz
