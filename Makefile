# Two commands do all set-up on a machine that has only Python 3.11+ and make:
#   make demo    a measured run: 4 cameras, one server, a WiFi-like network
#   make demo-live   four cameras over RTSP, and a page to watch them
#   make test    the tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
GPU ?= cuda:0

.PHONY: far-worker mqtt-check browser-check help demo demo-live real-cameras test test-ray check gpu-check gpu-check-bundle bench-promise bench-peers abuse fuzz soak clean
help:
	@echo "make demo    4 emulated cameras against a server on this machine, 20 seconds, then a page of figures and pictures"
	@echo "make demo-live   four clips as RTSP cameras, a server that fetches them, and its page in your browser, until Ctrl-C"
	@echo "make test    run the tests"
	@echo "make test-ray    the tests with Ray, which it installs (80 MB): a cluster on loopback, whose parts are killed; 5 minutes"
	@echo "make check   ruff, mypy, import contracts, and the tests"
	@echo "make browser-check   the page in Chromium (apt install chromium), and its JavaScript under node"
	@echo "make gpu-check   one GPU tested and measured, under 8 minutes; GPU=cuda:1 for another, GPU=cpu for none"
	@echo "make gpu-check-bundle   the same packed for a machine that no network reaches"
	@echo "make bench-promise   the default beside other planners on the wall clock, up to 100 minutes of a quiet machine"
	@echo "make bench-peers     beside LitServe and mosec, which it installs into an environment of their own; 10 minutes"
	@echo "make abuse   what abusers of each kind cost good cameras, and 149 odd HTTP requests; 20 minutes of a quiet machine"
	@echo "make real-cameras   RTSP cameras that stall, freeze and die, read both ways for 10 minutes each; needs GStreamer's RTSP server"
	@echo "make far-worker   a worker behind 20 ms and 100 Mbit/s between network namespaces: which cameras it is used for; as root, 3 minutes"
	@echo "make fuzz    100,000 messages, 3,000 requests and 20,000 JPEGs that are nearly right; prints its seeds"
	@echo "make mqtt-check  what a broker that is killed and a webhook that hangs cost cameras, and what the broker keeps; 2 minutes"
	@echo "make soak    does a server grow under steady use and abuse, does anything crash in 1,000 starts? over an hour"
	@echo "make clean   remove the virtual environment and caches"

$(STAMP): pyproject.toml constraints.txt
	@echo "==> Setting up: a virtual environment in $(VENV), torch and all else (a few minutes, only the first time)"
	@$(PYTHON) -c 'import sys; sys.exit("Jellyfish needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 ...") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $@
	@echo "==> Set up."

demo: $(STAMP)
	@echo "==> Demo: 4 cameras x 15 fps, 150 ms from capture to answer, WiFi-like uplinks, 20 seconds"
	@$(BIN)/jellyfish bench --clients 4 --fps 15 --slo-ms 150 --trace wifi --duration 20 --report
	@echo "==> To watch cameras live in a browser: make demo-live"

demo-live: $(STAMP)
	@$(BIN)/python -c 'import aio_rtsp_toolkit' 2> /dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[live-demo]"
	@$(BIN)/python -m benchmarks.demo_live

test: $(STAMP)
	@echo "==> Tests"
	@$(BIN)/python -m pytest

test-ray: $(STAMP)
	@$(BIN)/python -c 'import ray' 2> /dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[ray]"
	@$(BIN)/python -m pytest tests/modes/cluster

check: $(STAMP)
	@echo "==> ruff"
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@echo "==> mypy --strict"
	@$(BIN)/mypy
	@echo "==> import contracts"
	@$(BIN)/lint-imports
	@echo "==> tests, warnings as errors"
	@$(BIN)/python -m pytest

browser-check: $(STAMP)
	@$(BIN)/python -m benchmarks.page_check

gpu-check: $(STAMP)
	@$(BIN)/python -m benchmarks.gpu_check --device $(GPU)

mqtt-check: $(STAMP)
	@$(BIN)/python -m benchmarks.publishing --rounds 1 --seconds 25

gpu-check-bundle: $(STAMP)
	@$(BIN)/python -m benchmarks.gpu_check.bundle

bench-promise: $(STAMP)
	@$(BIN)/python -m benchmarks.promise

bench-peers: $(STAMP)
	@$(BIN)/python -m benchmarks.peers

abuse: $(STAMP)
	@$(BIN)/python -m benchmarks.odd_requests
	@$(BIN)/python -m benchmarks.abuse
	@$(BIN)/python -m benchmarks.abuse --mixed

far-worker: $(STAMP)
	@$(BIN)/python -m benchmarks.far_worker

real-cameras: $(STAMP)
	@$(BIN)/python -m benchmarks.real_cameras

fuzz: $(STAMP)
	@$(BIN)/python -m benchmarks.fuzz protocol
	@$(BIN)/python -m benchmarks.fuzz http
	@$(BIN)/python -m benchmarks.fuzz_jpeg --pictures 20000

soak: $(STAMP)
	@$(BIN)/python -m benchmarks.soak --leak --minutes 3
	@$(BIN)/python -m benchmarks.soak
	@$(BIN)/python -m benchmarks.starts_and_stops

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
