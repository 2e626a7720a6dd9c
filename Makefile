# The two commands a newcomer needs are `make demo` and `make test`; everything below them is CMake (CMakePresets.json).

.PHONY: help setup build demo test bench check fuzz docs clean

help:
	@echo "make demo    compile a small language model, inspect it, let it tell a story"
	@echo "make test    build and run every test (dev, sanitizers, release runtime)"
	@echo "make build   the dev build alone, in build/dev"
	@echo "make bench   measure, and write docs/results"
	@echo "make check   format and clang-tidy of changed files"
	@echo "make fuzz    mutate inputs of all readers under sanitizers, a minute each"
	@echo "make docs    regenerate docs/reference"
	@echo "make clean   remove build/ (not the Python environment .venv)"

setup:
	@scripts/setup

build: setup
	cmake --preset dev
	cmake --build --preset dev

demo: setup
	@scripts/demo

test: setup
	@scripts/test

bench: setup
	@scripts/bench

check: setup
	@scripts/check

fuzz: setup
	@scripts/fuzz

docs: setup
	cmake --preset dev
	cmake --build --preset dev --target docs

clean:
	rm -rf build
