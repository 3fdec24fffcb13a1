# The commands of the project. `make help` lists them.
SHELL := bash
.DEFAULT_GOAL := help

BINARY := target/static/app-init
export APP_INIT_BIN ?= $(CURDIR)/$(BINARY)

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):[^#]*## (.*)/  make \1 \2/' | column -t -l 3

static: ## build the one static file, target/static/app-init; TARGET=aarch64-unknown-linux-musl for another processor
	@docker/static.sh

dist: ## build what is given away, in target/dist: a file for each processor, and their sums
	@docker/dist.sh

dist-check: ## build that twice, in two folders, and compare: it has to be the same
	@tests/dist.sh

size: ## build it and say what it weighs, and what of that is new; WRITE=1 keeps it in docs/size.tsv
	@docker/static.sh --limit
	@benches/size.py $(if $(WRITE),--write)

demo: ## build it and run a small real application with it
	@docker/demo.sh

test: ## unit, machine, black-box and Docker tests; installs what they need
	@tests/run.sh

test-aarch64: ## what of it can be tried of the file for AArch64, under qemu; takes some minutes
	@tests/aarch64.sh

soak: ## what `make test` does, often and large, and every figure; takes an hour or two
	@tests/soak.sh

bench: ## measure against tini, dumb-init and catatonit, and write the table
	@tests/setup/packages.sh bench
	@docker/static.sh
	cargo bench --bench peers -- --write

mutants: ## break the code on purpose and see its test fail; ALL=1 takes longer
	@tests/mutants/run.py $(if $(ALL),--all)

lint: ## format, clippy, purity, what stands on what, man page, schema
	@tests/lint.sh

hot: ## write hot.ld anew: the functions that plain use runs
	@docker/static.sh
	tests/hot.py --write
	@docker/static.sh
	tests/hot.py

man: ## write docs/app-init.8 anew
	cargo run --quiet --example man > docs/app-init.8

schema: ## write docs/app-init.schema.json anew
	cargo run --quiet --example schema > docs/app-init.schema.json

clean-docker: ## remove the images that the tests built
	@docker images --filter label=app-init-test --quiet | sort -u | xargs -r docker rmi -f >/dev/null
	@docker images --format '{{.Repository}}:{{.Tag}}' | grep '^app-init-test/' | xargs -r docker rmi -f >/dev/null

.PHONY: help static dist dist-check size demo test test-aarch64 soak bench mutants lint hot man schema clean-docker
