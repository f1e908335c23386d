# make demo   sets up what is missing, then lock -> build -> run -> replay on a real training, ending in a verdict
# make test   the same set-up, then the whole test suite
# make torture   every harness at full length (about forty minutes); prints the tables of docs/reliability.md; ARGS=--quick for a part
# make engines   one lock on five engines (needs root and mmdebstrap), build times beside peers, and the figures of docs/images.md
# make runtimes   the digests of the injected runtimes of releases, computed again from their sources
# make cuda      the CUDA image of images/gpu and its figures: 3 GB to fetch, 12 GB of disk for a moment
.PHONY: runtimes demo test lint bench torture engines cuda clean

demo:
	@scripts/setup
	@scripts/demo

test:
	@scripts/setup --tests
	@PATH="$(CURDIR)/.tools/usr/bin:$(CURDIR)/.tools/bin:$(CURDIR)/.venv/bin:$$PATH" .venv/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

lint:
	@scripts/setup --dev
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy

bench:
	@scripts/setup
	@.venv/bin/python benchmarks/overhead.py

torture:
	@scripts/setup --tests
	@PATH="$(CURDIR)/.tools/usr/bin:$(CURDIR)/.tools/bin:$(CURDIR)/.venv/bin:$$PATH" .venv/bin/python tests/torture.py $(ARGS)
	@PATH="$(CURDIR)/.venv/bin:$$PATH" .venv/bin/python benchmarks/hardening.py

engines:
	@scripts/setup --tests
	@PATH="$(CURDIR)/.tools/usr/bin:$(CURDIR)/.venv/bin:$$PATH" scripts/engines run sh -euc '\
	  .venv/bin/python -m pytest -q -ra tests/image/test_engine_check.py tests/commands/test_replay_engines.py; \
	  .venv/bin/python benchmarks/images.py --page docs/images.md'

cuda:
	@scripts/setup
	@.venv/bin/python benchmarks/images.py --cuda --page docs/images.md

runtimes:
	@scripts/runtimes

clean:
	rm -rf .demo .tools .pytest_cache .mypy_cache .ruff_cache
