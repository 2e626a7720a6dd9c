# The two commands a newcomer needs are `make demo` and `make test`; everything below them is CMake (CMakePresets.json).

.PHONY: help setup build install demo test bench check fuzz docs clean

help:
	@echo "make demo    compile a small language model, inspect it, let it tell a story"
	@echo "make test    build and run every test (dev, sanitizers, release runtime)"
	@echo "make build   the dev build alone, in build/dev"
	@echo "make install install programs, library, header and CMake package below PREFIX [/usr/local]"
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

# PREFIX and DESTDIR as usual; the compiler finds LLVM where it is on this machine.
PREFIX ?= /usr/local
install: setup
	cmake --preset dev --log-level=WARNING
	cmake --build build/dev --target ingot ingot_runtime
	cmake --install build/dev --strip --prefix $(PREFIX)

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
