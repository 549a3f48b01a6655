# make demo: set-up, then the main job on simulated hosts. make test: set-up, then all tests.
.POSIX:
PYTHON_BIN = .venv/bin/python

help:
	@echo 'make demo      set up, then policy to verified fleet on simulated hosts'
	@echo 'make test      set up, then all tests and linters'
	@echo 'make test-consumers   ask newer libvirts and QEMUs as well, which are fetched'
	@echo 'make test-lab  real arm64 kernels under QEMU, beside the simulation; an hour and a half'
	@echo 'make setup     set up only'
	@echo 'make benchmark measure every stage on a fleet of 10,000 hosts, and the core'
	@echo 'make benchmark-peers   measure validate beside other validators (PEER_OPTIONS="--rounds 1")'
	@echo 'make fuzz      a million inputs for whatever reads files, guided by coverage (FUZZ="policy=1000")'
	@echo 'make golden    write generated files and golden outputs anew'
	@echo 'make clean     remove what these commands made'

setup:
	@scripts/bootstrap

demo: setup
	@scripts/demo

test: setup
	-@scripts/consumers
	@scripts/readers
	@$(PYTHON_BIN) -m pytest

test-consumers: setup
	-@scripts/consumers
	@FLEETPOLICY_STACKS=all $(PYTHON_BIN) -m pytest tests/integration/consumers tests/integration/libvirt

test-lab: setup
	@$(PYTHON_BIN) -m pytest --lab tests/lab

test-lab-golden: setup
	@$(PYTHON_BIN) -m pytest --lab --update-golden tests/lab/test_measure.py

golden: setup
	@$(PYTHON_BIN) -m pytest -q --update-golden tests/test_cases.py tests/test_house.py tests/unit/compare/test_radius.py tests/unit/render/test_domain.py
	@$(PYTHON_BIN) -m pytest -q --update-golden -m shows tests/unit tests/integration
	@$(PYTHON_BIN) -m pytest -q --update-golden tests/test_messages.py

benchmark: setup
	@$(PYTHON_BIN) -m benchmarks.fleet
	@$(PYTHON_BIN) -m benchmarks.render
	@$(PYTHON_BIN) -m benchmarks.core

benchmark-peers: setup
	@benchmarks/peers/install
	@$(PYTHON_BIN) -m benchmarks.policies $(PEER_OPTIONS)

fuzz: setup
	@tests/fuzz/run

clean:
	rm -rf .venv .cache .lab inventories/*/.lab build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.PHONY: help setup demo test test-consumers test-lab test-lab-golden golden benchmark benchmark-peers fuzz clean
