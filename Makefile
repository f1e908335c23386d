# make demo   sets up what is missing, then lock -> build -> run -> replay on a real training, ending in a verdict
# make test   the same set-up, then the whole test suite
.PHONY: demo test lint bench clean

demo:
	@scripts/setup
	@scripts/demo

test:
	@scripts/setup --tests
	@PATH="$(CURDIR)/.tools/usr/bin:$(CURDIR)/.tools/bin:$(CURDIR)/.venv/bin:$$PATH" .venv/bin/python -m pytest $(ARGS)

lint:
	@scripts/setup --dev
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy

bench:
	@scripts/setup
	@.venv/bin/python benchmarks/overhead.py

clean:
	rm -rf .demo .tools .pytest_cache .mypy_cache .ruff_cache
