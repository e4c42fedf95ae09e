# Every target sets up what it needs; nothing has to be installed first but Rust.
.PHONY: help demo test boot-test root-test docs model promise-1 promise-2 promise-7 promise-9 promise-11 promise-16 lint bench seed-full fuzz packages packages-reproducible clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' Makefile

demo: ## the story, for real: a volume under a KMS-wrapped key, from nothing to erased
	@scripts/demo

test: ## every test, the kernel tests included
	@scripts/test

docs: ## the parts of docs/ that are written from the code
	@scripts/docs

boot-test: ## the boot matrix on Debian's own kernel with NVMe disks (qemu), and its table in docs/reliability.md
	@scripts/boot-test

root-test: ## boots from an enrolled root, from initramfs images of initramfs-tools and dracut (several minutes)
	@scripts/root-test

model: ## 100,000 schedules of a person's acts and what befalls him: nothing that he did not confirm away is lost (hours)
	@scripts/model

promise-1: ## the agent killed at any instant over up, rekey and erase, 1,000 times (KLUIS_KILLS)
	@scripts/promise 1

promise-2: ## the agent and power cuts: unsynced writes dropped, torn writes
	@scripts/promise 2

promise-7: ## evil headers refused, good ones opened, 100,000 swap races (KLUIS_RACES)
	@scripts/promise 7

promise-9: ## a scan for secrets after 1,000 unlocks (KLUIS_UNLOCKS)
	@scripts/promise 9

promise-11: ## the agent's decoders fuzzed (KLUIS_FUZZ_SECONDS each)
	@scripts/promise 11

promise-16: model ## no advice destroys: that model

lint: ## format, clippy, rustdoc, licenses and bans, shell scripts
	@scripts/lint

bench: ## the benchmarks, as ratios in one run
	@scripts/bench

seed-full: ## the seed's user-data script as printed, 2 GB and zero-filled (several minutes)
	@scripts/seed-full

fuzz: ## each decoder's fuzz target for a minute
	@scripts/fuzz

packages: ## .deb, .rpm, OCI image, bills of materials and checksums in target/packages (amd64)
	@scripts/packages

packages-reproducible: ## that two builds in two folders give the same bytes (slow: both from nothing)
	@scripts/packages --twice

clean: ## remove what was built
	cargo clean
	rm -rf .tools
