# make demo, make test. Everything lives in .venv and in the models' cache.
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
TORCH_VERSION := 2.13.0
TORCH_TESTS := tests/test_transformers.py tests/test_coqui.py
CONFIG ?= configs/demo.yaml
# models that the tests run; the others' tests skip themselves
TEST_MODELS := whisper-tiny.en piper-joe kokoro-82m qwen2.5-coder-1.5b smollm2-135m pyannote-campplus

# Where .pyc files are forbidden, every start compiles all modules again: pipecat alone takes 2.9 s
# to import then, 1.6 s with them.
unexport PYTHONDONTWRITEBYTECODE
# pyright's launcher asks a registry for news otherwise
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: help demo phone test bench bench-batch eval lock clean chromium softphone torch test-torch
help:
	@echo 'make demo    talk with an agent at http://localhost:8000  (PORT=9000 CONFIG=file LLM=name|address)'
	@echo 'make phone   speak with it by any SIP softphone             (PORT, LLM as above)'
	@echo 'make test    check everything                             (ARGS="-k turns" goes to pytest)'
	@echo 'make bench   measure everything, 40 minutes               (TURNS=folder of labelled pauses SMALL=1)'
	@echo 'make eval    prove the agents: tasks done, rules broken   (EVAL_LLMS="a b" SUITES="single heldout")'
	@echo 'make torch   add torch: transformers models, LoRA, and Coqui voices in this process'
	@echo 'make lock    resolve requirements/*.in again'
	@echo 'make clean   remove .venv and what the tools left; fetched models stay: openline models remove'
	@echo 'PY=python3.12 chooses the Python of a new .venv'

phone: $(VENV)/openline.stamp
	@exec $(BIN)/openline serve --config configs/phone.yaml $(if $(PORT),--port '$(PORT)') $(if $(LLM),--llm '$(LLM)')

demo: $(VENV)/openline.stamp
	@exec $(BIN)/openline serve --config '$(CONFIG)' $(if $(PORT),--port '$(PORT)') $(if $(LLM),--llm '$(LLM)')

test: $(VENV)/dev.stamp $(VENV)/openline.stamp chromium softphone
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/pyright
	@$(BIN)/lint-imports
	@$(BIN)/openline models get $(TEST_MODELS) >/dev/null
	@$(BIN)/python -m pytest $(ARGS)
	@$(MAKE) --no-print-directory VENV=.venv-torch test-torch

# A part that ended well leaves NAME.done and is not run again, so that what was broken off goes on;
# a part that fails leaves the others alone. SMALL=1 only shows that every part runs.
BENCH := $(if $(SMALL),bench/small,bench)
PARTS := qwen2.5-coder-0.5b qwen2.5-coder-1.5b interruptions load peers $(if $(TURNS),turns)

bench: $(VENV)/dev.stamp $(VENV)/openline.stamp
	@began=$$(date +%s); $(MAKE) -k -j1 --no-print-directory $(PARTS:%=$(BENCH)/%.done); failed=$$?; \
	for part in $(PARTS); do \
	  if [ -e $(BENCH)/$$part.done ]; then echo "$$part: $$(cat $(BENCH)/$$part.done)"; else echo "$$part: FAILED, see above"; fi; \
	done; \
	echo "$$((($$(date +%s) - began + 30) / 60)) minutes. Results: $(BENCH)/. All of it again: rm -r $(BENCH)"; exit $$failed

define part
@echo '== $(@F:.done=)'; mkdir -p $(BENCH); began=$$(date +%s); $(BIN)/openline bench $(1) && echo "$$(($$(date +%s) - began)) s" > $@
endef

$(BENCH)/qwen%.done:
	$(call part,latency --config '$(CONFIG)' --llm qwen$* --out $(BENCH)/qwen$* $(if $(SMALL),--questions 2 --barge-ins 1))
$(BENCH)/interruptions.done:
	$(call part,interruptions --config '$(CONFIG)' --out $(BENCH) $(if $(SMALL),--real 2 --false 2))
$(BENCH)/load.done:
	$(call part,load --config '$(CONFIG)' --out $(BENCH) $(if $(SMALL),--calls 2$(comma)4 --callers 1 --questions 1))
$(BENCH)/peers.done:
	$(call part,peers --config '$(CONFIG)' --llm qwen2.5-coder-0.5b --out $(BENCH) $(if $(wildcard $(BENCH)/peers.json),--resume) $(if $(SMALL),--questions 2))
$(BENCH)/turns.done:
	$(call part,turns '$(TURNS)' --out $(BENCH))
comma := ,

# RECORDINGS: a folder of English sound files, each with a .txt of its words
bench-batch: $(VENV)/dev.stamp $(VENV)/openline.stamp
	@$(BIN)/openline bench batch '$(RECORDINGS)' --out $(BENCH)

# what docs/evals.md publishes; ends with an error where a rule was broken
EVAL_LLMS ?= qwen2.5-coder-1.5b qwen2.5-coder-0.5b smollm2-135m
SUITES ?= single heldout attacks
eval: $(VENV)/dev.stamp $(VENV)/openline.stamp
	@$(BIN)/openline eval $(SUITES) --config '$(CONFIG)' $(foreach llm,$(EVAL_LLMS),--llm $(llm))

# python3 when it fits, else the newest that does
$(BIN)/python:
	@for py in $(or $(PY),python3 python3.13 python3.12 python3.11); do \
	  $$py -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null || continue; \
	  $$py -c 'import ensurepip' 2>/dev/null || { echo "$$py has no venv: apt-get install -y python3-venv" >&2; exit 1; }; \
	  echo "Setting up .venv with $$($$py --version)" >&2; exec $$py -m venv --clear $(VENV); \
	done; echo 'Openline needs Python 3.11, 3.12 or 3.13: install one, or name it: make PY=/path/to/python3.12 $(MAKECMDGOALS)' >&2; exit 1

# uv lives inside the venv; where it cannot be had, pip installs the same hashed lock, slower.
# The locks are complete, so nothing is resolved.
define install
if $(BIN)/python -m uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION) >/dev/null 2>&1; then \
  $(BIN)/python -m uv pip install -q --compile-bytecode --python $(BIN)/python $(1); \
else \
  $(BIN)/python -m pip install -q --disable-pip-version-check $(1); \
fi
endef

$(VENV)/base.stamp: requirements/base.lock | $(BIN)/python
	@$(call install,--no-deps --require-hashes -r requirements/base.lock)
	@touch $@

$(VENV)/dev.stamp: requirements/dev.lock $(VENV)/base.stamp
	@$(call install,--no-deps --require-hashes -r requirements/dev.lock)
	@# pyright runs on Node.js; it would fetch one from nodejs.org
	@command -v node >/dev/null 2>&1 || { $(call install,--no-deps --require-hashes -r requirements/node.lock); }
	@touch $@

# torch is in no lock, so that pip takes the build that fits the machine: with a GPU the one for
# CUDA; for a CPU on x86-64 TORCH_PIP_ARGS='--index-url ...' names PyTorch's index of CPU builds.
$(VENV)/torch.stamp: requirements/torch.lock $(VENV)/base.stamp
	@$(BIN)/python -m pip install -q --disable-pip-version-check $(TORCH_PIP_ARGS) torch==$(TORCH_VERSION)
	@$(call install,--no-deps --require-hashes -r requirements/torch.lock)
	@$(BIN)/python requirements/torchaudio_cpu.py
	@touch $@

torch: $(VENV)/torch.stamp

# In an environment of its own: where torch is, every import of faster-whisper imports it.
test-torch: $(VENV)/dev.stamp $(VENV)/openline.stamp
	@$(MAKE) --no-print-directory VENV=$(VENV) torch \
	  || { echo 'torch cannot be installed here, so its tests skip themselves' >&2; exit 0; }; \
	$(BIN)/python -m pytest $(TORCH_TESTS) $(ARGS)

$(VENV)/openline.stamp: pyproject.toml $(VENV)/base.stamp
	@$(call install,--no-deps --no-build-isolation -e .)
	@touch $@

# $(1): a package of the distribution, $(2): the tests that skip themselves without it
define apt
if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
  echo 'Installing $(1) for $(2)' >&2; \
  apt-get install -y -q $(1) >/dev/null 2>&1 || { apt-get update -q && apt-get install -y -q $(1); } >/dev/null 2>&1 \
    || echo '$(1) cannot be installed, so $(2) skip themselves' >&2; \
else \
  echo '$(2) skip themselves; to run them: sudo apt-get install -y $(1)' >&2; \
fi
endef

chromium:
	@command -v chromium chromium-browser google-chrome >/dev/null 2>&1 || { $(call apt,chromium,the tests of the page); }

softphone:
	@command -v baresip >/dev/null 2>&1 || { $(call apt,baresip-core,the tests of SIP calls); }

COMPILE = $(BIN)/python -m uv pip compile -q --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-header
lock: $(VENV)/dev.stamp
	$(COMPILE) requirements/base.in -o requirements/base.lock
	$(COMPILE) -c requirements/base.lock requirements/dev.in -o requirements/dev.lock
	$(COMPILE) --excludes requirements/no-torch.txt -c requirements/base.lock requirements/torch.in -o requirements/torch.lock
	$(COMPILE) requirements/node.in -o requirements/node.lock
	@# the peers of `openline bench peers`: environments of their own, engines of the same versions
	for peer in pipecat livekit; do \
	  $(COMPILE) -c requirements/base.lock voice/bench/peers/stacks/$$peer.in -o voice/bench/peers/stacks/$$peer.lock; \
	done

clean:
	rm -rf $(VENV) .venv-torch .pytest_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
