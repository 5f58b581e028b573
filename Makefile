# Targets are for people; .ci/run calls the same commands. `make help` lists them.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

GO       ?= go
BIN      := bin
FUZZTIME ?= 20s
BENCH    ?= .
CYCLES   ?= 50

# What runs under the race detector: the tests of e2e drive a process that was built without it.
RACE ?= ./internal/... ./cmd/...

# Exceptions to staticcheck's default checks; the reasons are in .golangci.yml.
CHECKS := inherit,-SA1008,-SA4000,-ST1005

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list.
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/parley.
	@mkdir -p $(BIN)
	$(GO) build -trimpath -o $(BIN)/parley ./cmd/parley

.PHONY: test
test: ## Run all tests; those of PostgreSQL are skipped where none answers.
	$(GO) test ./...

.PHONY: race
race: ## Run the tests under the race detector, in short mode (needs a C compiler).
	$(GO) test -race -short $(RACE)

.PHONY: vet
vet: ## Check formatting, run go vet and staticcheck.
	@bad=$$(gofmt -l .); if [ -n "$$bad" ]; then echo "not formatted:"; echo "$$bad"; exit 1; fi
	$(GO) vet ./...
	@$(MAKE) --no-print-directory $(BIN)/staticcheck
	$(BIN)/staticcheck -checks $(CHECKS) ./...

.PHONY: lint
lint: vet $(BIN)/golangci-lint ## vet, then golangci-lint with .golangci.yml (its first build takes minutes).
	$(BIN)/golangci-lint run

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (20s) each.
	@set -e; for p in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
			echo "== $$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$p; \
		done; \
	done

.PHONY: bench
bench: ## Run the microbenchmarks that match BENCH (all), six times, for benchstat.
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count 6 ./internal/...

.PHONY: e2e
e2e: ## Run the tests that drive the real program.
	$(GO) test -count=1 ./e2e/...

.PHONY: crash
crash: ## Kill and restart the real server under load, CYCLES (50) times.
	$(GO) test -count=1 -timeout 60m -run Crash -v ./e2e -cycles $(CYCLES)

.PHONY: accept
accept: build ## Run the acceptance suite, where it stands beside the checkout, against bin/parley.
	.ci/accept --parley $(BIN)/parley

.PHONY: cover
cover: ## Measure coverage across packages and show the total.
	$(GO) test -coverpkg=./internal/... -coverprofile=coverage.out ./...
	$(GO) tool cover -func=coverage.out | tail -1

.PHONY: gen
gen: ## Rewrite generated files and tidy go.mod.
	$(GO) generate ./...
	$(GO) mod tidy

.PHONY: gen-check
gen-check: ## Fail if `make gen` would change anything.
	$(GO) mod tidy -diff
	@before=$$(git status --porcelain); $(GO) generate ./...; \
	if [ "$$before" != "$$(git status --porcelain)" ]; then echo "generated files are not up to date: make gen"; git status --short; exit 1; fi

.PHONY: vuln
vuln: $(BIN)/govulncheck ## Look for known vulnerabilities (needs the network).
	$(BIN)/govulncheck ./...

.PHONY: tools
tools: $(BIN)/staticcheck $(BIN)/gofumpt $(BIN)/govulncheck $(BIN)/golangci-lint ## Build the pinned tools into bin/.

.PHONY: clean
clean: ## Remove what was built.
	rm -rf $(BIN) coverage.out

# The tools are a module of their own, so that what they depend on stays out of the product's graph.
$(BIN)/staticcheck: tools/go.mod
	$(GO) -C tools build -o ../$@ honnef.co/go/tools/cmd/staticcheck
$(BIN)/gofumpt: tools/go.mod
	$(GO) -C tools build -o ../$@ mvdan.cc/gofumpt
$(BIN)/govulncheck: tools/go.mod
	$(GO) -C tools build -o ../$@ golang.org/x/vuln/cmd/govulncheck
$(BIN)/golangci-lint: tools/go.mod
	$(GO) -C tools build -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
