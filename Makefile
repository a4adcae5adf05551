# minilab: everything starts here. `make help` lists what there is.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
GOLANGCI := v2.15.0
GOVULNCHECK := v1.9.0

include scripts/engine.mk

.PHONY: help run build minilab test test-deps generate pictures lint bench bench-engine fuzz fuzz-lane soak crash hostile listeners clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

run: build ## Install what is missing, build, start the whole lab, print its URL
	bin/minilab up $(ARGS)

build: minilab engine ## Build bin/minilab and bin/minilab-engine

minilab: internal/frontend/docspage/scalar.js.gz
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/minilab ./cmd/minilab

internal/frontend/docspage/scalar.js.gz: deploy/docs-page/package-lock.json scripts/docs-page
	scripts/docs-page

test-deps:
	scripts/test-deps

# Tested without -race: what drives executables that are built without it, and
# what works on pixels in one goroutine.
UNRACED := /cmd/minilab /internal/trials /internal/darkroom /internal/develop /docs/gen

# SQLite's own C, translated to Go, is compiled without the detector's checks,
# which cost it four fifths of its time. Its memory comes from mmap, where the
# detector does not look; what goes in and out passes through packages with checks.
RACE := -race -gcflags=modernc.org/sqlite/lib=-race=false

# Half of what tests do is wait, so more of them run at once than there are
# cores: packages, and in those that drive executables tests too. What takes
# longest comes first, lest it be waited for at the end.
CORES := $(shell nproc)
FIRST := ./internal/workercheck
FIRST_UNRACED := ./internal/trials/webhooks ./cmd/minilab ./internal/trials/images

test: build test-deps ## Install what is missing, run all the tests
	go test $(RACE) -shuffle=on -timeout 15m -p $$(($(CORES) + 1)) \
		$(FIRST) $$(go list ./... | grep -v $(addprefix -e ,$(UNRACED)))
	go test -shuffle=on -timeout 15m -p $$((2 * $(CORES))) -parallel $$((3 * $(CORES))) \
		$(FIRST_UNRACED) $$(go list ./... | grep $(addprefix -e ,$(UNRACED)))

generate: libvips ## Write what is generated from the code: docs/configuration.md, docs/operations.md, docs/openapi.yaml
	go run ./internal/config/gen docs/configuration.md
	go run ./docs/gen docs
	go run ./internal/frontend/gen docs/openapi.yaml

pictures: libvips ## Make the pictures of docs/operations.md: each operation, before and after
	go run ./docs/gen -pictures docs

lint: libvips .tools/golangci-lint-$(GOLANGCI) ## Format, vet and lint; check that generated files are up to date
	go mod tidy -diff
	.tools/golangci-lint-$(GOLANGCI) run
	$(MAKE) --no-print-directory generate
	git diff --exit-code -- docs/configuration.md docs/operations.md docs/openapi.yaml

.tools/golangci-lint-$(GOLANGCI):
	GOBIN=$(CURDIR)/.tools go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)
	mv .tools/golangci-lint $@

bench: build ## Measure the lab and its parts; PHOTOS=dir for photographs of your own
	go run ./bench $(if $(PHOTOS),-photos $(PHOTOS))
	go test -run '^$$' -bench . -benchtime 2s ./internal/sqlitedb ./internal/storage/... ./internal/taskdb/... ./internal/engine

bench-engine: engine ## Measure engine processes beside a bare loop of the library and the vips commands; PHOTOS=dir, ONLY=regexp
	go run ./bench/engine -libvips $(LIBVIPS) $(if $(PHOTOS),-photos $(PHOTOS)) $(if $(ONLY),-only '$(ONLY)')

fuzz: ## Fuzz every parser of outside input, FUZZTIME (default 30s) each
	scripts/fuzz $(FUZZTIME)

MINUTES := 10
SEED := 0

soak: build ## Kill and stop processes at work for MINUTES (default 10) and look for anything lost; SEED=n, PHOTOS=dir
	go test ./internal/trials/kills -count 1 -v -run TestSoak -timeout $$(($(MINUTES) + 20))m \
		-args -soak $(MINUTES)m -seed $(SEED) $(if $(PHOTOS),-photos $(abspath $(PHOTOS)))

fuzz-lane: libvips test-deps ## Fuzz the coefficient lane's C code under sanitizers for MINUTES (default 30), on all cores; SEED=n
	go test ./internal/coeff/fuzz -count 1 -v -run TestLane -timeout $$(($(MINUTES) + 20))m -args -minutes $(MINUTES) -seed $(SEED)

fuzz-lane: MINUTES := 30

crash: build ## Kill every service at every call that changes a file; break its disk at every call
	go test ./internal/trials/crash -count 1 -timeout 30m -args -every

IMAGES := 5000

hostile: build ## Hand IMAGES (default 5000) hostile images to running labs and print what became of them; SEED=n
	go test ./internal/trials/images -count 1 -v -run Hostile -timeout 20m -args -images $(IMAGES) $(if $(filter-out 0,$(SEED)),-seed $(SEED))

listeners: build ## Open LISTENERS (default 10000) idle streams of events at one frontend and measure what they cost
	go test ./internal/trials/live -count 1 -v -run IdleListeners -timeout 10m -args -listeners $(or $(LISTENERS),10000) -idle 20s

clean: ## Remove what was built and fetched
	rm -rf bin .deps .tools internal/frontend/docspage/scalar.js.gz
