# The image engine, bin/minilab-engine (cgo). Included by the Makefile.
#
#   make engine                   with the prebuilt libvips that scripts/libvips fetches
#   make engine LIBVIPS=system    with the system's libvips, 8.14 or newer, and libjpeg (pkg-config)
#
# With the prebuilt library the executable needs bin/lib beside it and nothing
# else; bin may be moved. The libjpeg-turbo that writes JPEGs is linked into it.
# `go build`, `go vet` and `go test` find both in the checkout by themselves once
# `make libvips` has been run. For the system's they need the tag:
# GOFLAGS=-tags=system, which is exported here.

LIBVIPS ?= npm
VERSION ?= dev

ENGINE_SOURCES := $(shell find cmd/minilab-engine internal/develop internal/darkroom internal/coeff internal/vips internal/walls internal/engine/wire \
	internal/fault internal/imagehead internal/pipeline -name '*.go' -o -name '*.[ch]') go.mod
ENGINE_LDFLAGS := -s -w -X main.version=$(VERSION)

.PHONY: engine libvips

engine: bin/minilab-engine

ifeq ($(LIBVIPS),npm)

# What compiles cgo packages depends on this; it is quick when nothing is to be done.
libvips: .deps/libvips/stamp

.deps/libvips/stamp: deploy/libvips/package-lock.json scripts/libvips
	scripts/libvips
	@touch $@

bin/minilab-engine: $(ENGINE_SOURCES) .deps/libvips/stamp
	mkdir -p bin/lib
	rm -f bin/lib/libvips-cpp.so.*
	cp .deps/libvips/lib/libvips-cpp.so.* bin/lib/
	CGO_ENABLED=1 go build -trimpath -tags bundled -ldflags '$(ENGINE_LDFLAGS)' -o $@ ./cmd/minilab-engine

else ifeq ($(LIBVIPS),system)

export GOFLAGS := $(GOFLAGS) -tags=system

libvips:
	pkg-config --atleast-version 8.14 vips
	pkg-config --exists --print-errors libjpeg

bin/minilab-engine: $(ENGINE_SOURCES) | libvips
	CGO_ENABLED=1 go build -trimpath -ldflags '$(ENGINE_LDFLAGS)' -o $@ ./cmd/minilab-engine

else
$(error LIBVIPS is npm or system, not $(LIBVIPS))
endif
