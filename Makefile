# `make help` lists the targets. Each sets up what it needs first (scripts/setup.sh); what is done already is skipped.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The tools and the toolchain that the setup chose.
TOOLS := . target/setup/env.sh;
# Two builds at once would write the same files.
LOCK := $(if $(shell command -v flock),flock target/setup/build.lock)
BUILD := $(LOCK) node scripts/build.mjs
PACKAGE := $(LOCK) node scripts/package.mjs
WASM32 := --target wasm32-unknown-unknown --features js
WORKER := --target wasm32-unknown-unknown --features worker

.PHONY: help setup demo demo-cache test test-packaging test-frameworks test-workerd test-newest fuzz bench bench-runtimes bench-caches bench-limits bench-workers soak build package release lint fmt clean
.PHONY: lint-build lint-format lint-clippy lint-docs lint-js lint-house

help: ## lists the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' Makefile

setup: ## installs everything that the other targets need
	@scripts/setup.sh build redis servers wasm browser c++ runtimes apps

demo: ## plays the cold-start incident on a throwaway Redis
	@scripts/setup.sh build redis
	@$(TOOLS) $(BUILD) && $(PACKAGE) && node examples/cold-start-incident/demo.mjs

demo-cache: ## serves a shop whose Redis you can kill and restore with old data, and plots what its visitors see
	@scripts/setup.sh build redis
	@$(TOOLS) $(BUILD) && $(PACKAGE) && node examples/cache-outage/server.mjs $(PORT)

test: ## runs all tests; ONLY="rust node" runs some (rust, worker, fuzz, wasm, browser, node, bun, deno, packaging)
	@scripts/setup.sh build redis servers wasm browser c++ runtimes apps workerd frameworks
	@$(TOOLS) $(BUILD) && $(PACKAGE) && node scripts/test.mjs $(ONLY)

test-packaging: ## runs the tarball in real apps: runtimes, bundlers, a framework of the day; ONLY="deno vite" runs some
	@scripts/setup.sh build redis runtimes apps workerd frameworks
	@$(TOOLS) $(BUILD) && $(PACKAGE) && node tests/packaging/table.mjs $(ONLY)

# Words that stand in their names. A comma would end the argument of a function of make.
FRAMEWORKS_CELLS := "in workerd" ", workerd" "nitro 2"

test-frameworks: ## builds an app with each framework for Workers and runs it, some minutes; ONLY="nuxt" runs some
	@FRAMEWORKS=all scripts/setup.sh build redis runtimes workerd apps frameworks
	@$(TOOLS) $(BUILD) && $(PACKAGE) && FRAMEWORKS=all node tests/packaging/table.mjs $(or $(ONLY),$(FRAMEWORKS_CELLS))

# What is pinned as the newest workerd may be yesterday's: CI runs this one.
test-workerd: ## plays every kind of a Worker's handlers on the newest workerd that the registry has today
	@EDGIS_NEWEST=1 scripts/setup.sh build redis runtimes workerd
	@$(TOOLS) $(BUILD) && $(PACKAGE) && EDGIS_NEWEST=1 node tests/packaging/table.mjs "newest workerd" "newest wrangler"

# Before a release: what is pinned may be yesterday's.
test-newest: ## the same and test-packaging with the newest of every runtime, bundler and framework; ONLY="nuxt" runs some
	@EDGIS_NEWEST=1 FRAMEWORKS=all scripts/setup.sh build redis runtimes workerd apps frameworks
	@$(TOOLS) $(BUILD) && $(PACKAGE) && EDGIS_NEWEST=1 FRAMEWORKS=all node tests/packaging/table.mjs $(ONLY)

fuzz: ## fuzzes the core; ARGS="manager --seconds=3600" says what and how long each
	@scripts/setup.sh build c++ fuzz
	@$(TOOLS) node scripts/fuzz.mjs $(ARGS)

bench: ## measures edgis beside its peers; ARGS="--json" and the like are handed on
	@scripts/setup.sh build redis
	@$(TOOLS) $(BUILD) && $(PACKAGE) && node tests/bench/run.mjs $(ARGS)

bench-caches: ## measures edgis/cache beside other caches; ARGS are handed on
	@scripts/setup.sh build redis
	@$(TOOLS) $(BUILD) && $(PACKAGE) && node tests/bench/caches.mjs $(ARGS)

bench-limits: ## measures edgis/ratelimit beside other rate limiters; ARGS are handed on
	@scripts/setup.sh build redis
	@$(TOOLS) $(BUILD) && $(PACKAGE) && node tests/bench/limits.mjs $(ARGS)

bench-runtimes: ## measures edgis on Bun and on Deno, beside a client of theirs; ARGS are handed on
	@scripts/setup.sh build redis runtimes
	@$(TOOLS) $(BUILD) && $(PACKAGE) && node tests/bench/runtimes.mjs $(ARGS)

bench-workers: ## measures a request to a Worker beside a bare socket and other clients: CPU of workerd; ARGS are handed on
	@scripts/setup.sh build redis runtimes workerd
	@$(TOOLS) $(BUILD) && $(PACKAGE) && node tests/bench/workers.mjs $(ARGS)

soak: ## watches memory under mixed load for an hour; MINUTES=5 for less
	@scripts/setup.sh build redis
	@$(TOOLS) $(BUILD) && $(PACKAGE) && node tests/faults/soak.mjs $(MINUTES)

build: ## compiles the core to wasm and bundles the package's files into pkg/dist
	@scripts/setup.sh build
	@$(TOOLS) $(BUILD)

package: ## writes the npm tarball, target/package/edgis.tgz
	@scripts/setup.sh build
	@$(TOOLS) $(BUILD) && $(PACKAGE)

release: ## checks the versions and plays publishing the npm package and the crate; publishes nothing
	@scripts/setup.sh build
	@$(TOOLS) node scripts/release.mjs --check && $(BUILD) && $(PACKAGE) && node scripts/release.mjs

# `make -k lint` goes on after a check that fails.
lint: lint-build lint-format lint-clippy lint-docs lint-js lint-house ## runs all checks, warnings denied

lint-build:
	@scripts/setup.sh build
	@$(TOOLS) $(BUILD)

lint-format: lint-build
	@$(TOOLS) cargo fmt --all --check
	@$(TOOLS) cargo fmt --check --manifest-path tests/fuzz/Cargo.toml

lint-clippy: lint-build
	@$(TOOLS) cargo clippy --quiet --locked --all-targets -- -D warnings
	@$(TOOLS) cargo clippy --quiet --locked --all-targets --features client -- -D warnings
	@$(TOOLS) cargo clippy --quiet --locked --all-targets $(WASM32) -- -D warnings
	@$(TOOLS) cargo clippy --quiet --locked $(WORKER) -p edgis -p edgis-worker-rs -- -D warnings
	@$(TOOLS) cargo clippy --quiet --locked --manifest-path tests/fuzz/Cargo.toml --target-dir target/fuzz \
	  --lib --no-default-features -- -D warnings

lint-docs: lint-build
	@$(TOOLS) RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --no-deps --document-private-items
	@$(TOOLS) RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --no-deps --document-private-items $(WASM32)
	@$(TOOLS) RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --no-deps --document-private-items $(WORKER)
	@$(TOOLS) RUSTDOCFLAGS="-D warnings" cargo doc --quiet --locked --no-deps $(WORKER)

lint-js: lint-build
	@$(TOOLS) biome ci --colors=off --error-on-warnings
	@$(TOOLS) tsc -p tsconfig.json

lint-house: lint-build
	@$(TOOLS) node scripts/house-rules.mjs

fmt: ## formats everything
	@scripts/setup.sh build
	@$(TOOLS) cargo fmt --all
	@$(TOOLS) cargo fmt --manifest-path tests/fuzz/Cargo.toml
	@$(TOOLS) biome check --colors=off --write

clean: ## removes what was built; compiled tools stay in the user's cache
	@rm -rf target node_modules pkg/dist pkg/LICENSE
