# Two commands do everything on a fresh machine: `make run` and `make test`. Windows: see README.md.

# The first of these that is 3.11, 3.12 or 3.13; name another one with `make install PYTHON=/path/to/python`.
PYTHON ?= $(shell for python in python3 python3.12 python3.11 python3.13 python; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 \
	&& { echo $$python; break; }; done)
VENV := .venv/bin/python
INSTALLED := .venv/installed

# Of the model: where it is made, with how many processes, and what differs from the recipe, for example
# `make model RUN=runs/small MODEL_SET="synthetic.scans=200 cnn.slices_per_epoch=2400"`.
RUN ?= runs/shipped
MODEL_SET ?=
PROCESSES ?= $(shell $(VENV) -c 'import os, torch; print(torch.cuda.device_count() or min(2, os.cpu_count()))')

.PHONY: run test install soak check clean model
run: $(INSTALLED)
	@$(VENV) packaging/system_libraries.py
	@$(VENV) -m app demo

test: check
	$(VENV) -m pytest -q

# Everything of `make test`, the long runs too, and more examples for every property.
soak: check
	IHD_SOAK=1 $(VENV) -m pytest -q -m ""

# The model that comes with the program, from nothing; stopped and run again it goes on. A finished one is copied.
model: $(INSTALLED)
	$(VENV) -m training synthetic --run $(RUN) --preset shipped $(MODEL_SET:%=--set %)
	for stage in index split prepare; do $(VENV) -m training $$stage --run $(RUN) || exit; done
	OMP_NUM_THREADS=$$(($$(nproc) / $(PROCESSES) > 0 ? $$(nproc) / $(PROCESSES) : 1)) \
	$(VENV) -m torch.distributed.run --standalone --nproc-per-node $(PROCESSES) -m -- training cnn --run $(RUN)
	for stage in features sequence evaluate bundle; do $(VENV) -m training $$stage --run $(RUN) || exit; done
	cp $(RUN)/model/weights.safetensors $(RUN)/model/MODEL_CARD.md $(RUN)/model/model.json resources/model/

check: $(INSTALLED)
	@$(VENV) packaging/system_libraries.py --tests
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m mypy
	.venv/bin/lint-imports --no-logo

install: $(INSTALLED)

# The version of the program stands in the changelog.
$(INSTALLED): pyproject.toml constraints.txt CHANGELOG.md
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 was not found. Install one, or name it:" \
	"make install PYTHON=/path/to/python3.12" >&2; exit 1; }
	@test -x $(VENV) || $(PYTHON) -m venv .venv || { rm -rf .venv; echo "Python's venv module is incomplete." \
	"On Debian or Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	$(VENV) -m pip install --quiet --disable-pip-version-check -e ".[test]" -c constraints.txt
	@touch $(INSTALLED)

clean:
	rm -rf .venv build dist out .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
