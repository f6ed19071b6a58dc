# Each target needs only a Debian machine with Python 3.11 or newer; it fetches the rest itself.
#   make run        settings: PORT=8000 CROWD=300 OPENS_IN=60 STACK_DIR=.stack
#   make bench      NAME=endtoend, or another name of bench/

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
# Two test processes, each with a stack of its own; the tests of a file stay together.
BOTH := -n 2 --dist loadfile --no-loadscope-reorder
# Modules are compiled once and not by each of hundreds of processes, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run servers test test-fast test-slow test-browsers test-states proof-money proof-night bench bench-all faults soak lock clean

help: ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18
	@sed -n 's/^#  \( make .*\)/ \1/p' $(MAKEFILE_LIST)

run: $(READY) ## the servers, the whole application and a demo sale, until Ctrl-C
	@exec $(VENV)/bin/python -m stack run

servers: $(READY) ## only Redis, MySQL and Kafka, until Ctrl-C
	@exec $(VENV)/bin/python -m stack servers

test: $(READY) ## format, lint, types and tests, against real servers; the slowest are in test-slow
	$(VENV)/bin/python -m stack install --browser
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/ruff check
	$(VENV)/bin/mypy
	$(VENV)/bin/pytest $(BOTH) -m "not slow"

test-slow: $(READY) ## the proofs that take ten seconds or more each
	$(VENV)/bin/python -m stack install --browser
	$(VENV)/bin/pytest $(BOTH) -m slow

test-fast: $(READY) ## the unit tests alone, without any server: under 10 seconds
	$(VENV)/bin/pytest tests/unit -m "not slow" -n 2 --dist worksteal --hypothesis-profile=fast -p no:schemathesis

test-browsers: $(READY) ## what buyers and organisers do, in Firefox and in WebKit too
	$(VENV)/bin/python -m stack install --engines
	ENGINES=1 $(VENV)/bin/pytest tests/browser/test_engines.py

test-states: $(READY) ## every page and state by all rules of axe: phone, desktop and 200%, light and dark
	$(VENV)/bin/python -m stack install --browser
	STATES=all $(VENV)/bin/pytest tests/browser/test_states.py

proof-money: $(READY) ## 2,000 orders, a fifth of the payments misbehave: the money adds up to the cent
	PROOF_ORDERS=2000 $(VENV)/bin/pytest tests/stack/test_two_thousand_orders.py -m slow -s

proof-night: $(READY) ## 5,000 buyers for 500 tickets while web and every worker are killed: nothing lost, nothing twice
	$(VENV)/bin/python -m faults --row big-night

bench: $(READY) ## measure, against real servers
	$(VENV)/bin/python -m bench $(NAME)

bench-all: $(READY) ## every benchmark, one after the other, on a machine that does nothing else: 40 minutes; ROUNDS=5
	@for name in $$($(VENV)/bin/python -m bench | cut -d' ' -f1); do \
		echo "== $$name"; $(VENV)/bin/python -m bench $$name || echo "   not as it should be"; done

faults: $(READY) ## sales in which something goes wrong, every row; TIMES=1 LANES=1 INTO=FOLDER
	$(VENV)/bin/python -m faults --times $(or $(TIMES),1) --lanes $(or $(LANES),1) $(if $(INTO),--into $(INTO))

soak: $(READY) ## the same by chance; MINUTES=30
	$(VENV)/bin/python -m faults --minutes $(or $(MINUTES),30) --lanes $(or $(LANES),1)

lock: $(READY) ## pin what pyproject.toml asks for, every file by its hash; UPGRADE=--upgrade for newer versions
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	$(VENV)/bin/uv pip compile --quiet pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate $(UPGRADE) -o requirements.lock

clean: ## remove the virtual environment, the local data and all caches
	@if [ -e .stack/lock ] && ! flock -n .stack/lock true; then \
		echo "A stack is running on .stack (process $$(cat .stack/lock)); stop it first."; exit 1; fi
	rm -rf $(VENV) .stack build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml requirements.lock
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) -m stack.venv $@
