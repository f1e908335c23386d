# make demo      sets up what is missing, then lock -> build -> run -> replay on a real training
# make test-fast the tests that need no engine, in under two minutes on two free cores
# make test      the same set-up, then the whole test suite
# make lint      format, lint, types
# make docs      the docs site in .tools/site, links checked
# make python-matrix  the fast tests with lowest and newest dependencies on Python 3.11 to 3.14
# make torture   every harness at full length (about forty minutes); prints the tables of
#                docs/reliability.md; ARGS=--quick for a part, --only-sweep for a sweep of 200
#                trials whose supervisor is killed 20 times
# make mutate    a million changed bytes in small files of every format, none overlooked;
#                ARGS='--bytes 10000 png' for a part
# make hunt      false verdicts and records, looked for with generated programs and states for an
#                hour; ARGS='--minutes 5 verdicts' for a part
# make engines   one lock on five engines (needs root and mmdebstrap), build times next to peers,
#                and the figures of docs/images.md
# make cuda      the CUDA image of images/gpu and its figures: 3 GB to fetch, 12 GB of disk
# make gpu-visit all that is measured on a machine with a GPU, here on the CPU as a rehearsal (five
#                minutes); on such a machine: ARGS='--device cuda:0 --python PYTHON'
# make tools     each example of a tool (examples/tools) is run and replayed; writes the table of docs/tools.md
# make screenshots  the pictures of the page in docs/images, made by the real server and browser
# make runtimes  the digests of the injected runtimes of releases, from their sources
# make cluster   --on slurm on a real Slurm: its cost, an array of 500, preemption, fake GPUs, two
#                times 20 deaths, and 50 trainings on three engines (needs root and mmdebstrap);
#                ARGS=many submits and stops 10,000 runs
.PHONY: cluster gpu-visit tools screenshots runtimes demo test test-fast docs python-matrix lint bench torture mutate hunt engines cuda clean

demo:
	@scripts/setup
	@scripts/demo

# Byte code is kept: the tests start thousands of processes.
test:
	@scripts/setup --tests
	@PATH="$(CURDIR)/.tools/usr/bin:$(CURDIR)/.tools/bin:$(CURDIR)/.venv/bin:$$PATH" PYTEST_XDIST_AUTO_NUM_WORKERS=$$(( $$(nproc) + 1 )) env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

test-fast:
	@scripts/setup --dev
	@REPROBOX_FAST=1 PATH="$(CURDIR)/.venv/bin:$$PATH" env -u PYTHONDONTWRITEBYTECODE .venv/bin/python -m pytest -q -n auto --maxprocesses 4 -m "not engine and not slow" $(ARGS)

python-matrix:
	@scripts/setup --dev
	@scripts/python-matrix $(ARGS)

docs:
	@scripts/setup --dev
	@scripts/docs

lint:
	@scripts/setup --dev
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy

bench:
	@scripts/setup
	@PATH="$(CURDIR)/.venv/bin:$$PATH" .venv/bin/python benchmarks/costs.py $(ARGS)

torture:
	@scripts/setup --tests
	@PATH="$(CURDIR)/.tools/usr/bin:$(CURDIR)/.tools/bin:$(CURDIR)/.venv/bin:$$PATH" .venv/bin/python tests/torture.py $(ARGS)
	@PATH="$(CURDIR)/.venv/bin:$$PATH" .venv/bin/python benchmarks/hardening.py

mutate:
	@scripts/setup --tests
	@.venv/bin/python tests/mutate.py $(ARGS)

hunt:
	@scripts/setup --tests
	@PATH="$(CURDIR)/.tools/usr/bin:$(CURDIR)/.venv/bin:$$PATH" .venv/bin/python tests/hunt.py $(ARGS)

engines:
	@scripts/setup --tests
	@PATH="$(CURDIR)/.tools/usr/bin:$(CURDIR)/.venv/bin:$$PATH" scripts/engines run sh -euc '\
	  .venv/bin/python -m pytest -q -ra tests/image/test_engine_check.py tests/commands/test_replay_engines.py; \
	  .venv/bin/python benchmarks/images.py --page docs/images.md'

gpu-visit:
	@scripts/setup --tests
	@.venv/bin/python -c 'import sys; sys.path.insert(0, "tests/support"); import torch_python; torch_python.torch_python()'
	@GPU_VISIT_GPUS=$(GPU_VISIT_GPUS) PATH="$(CURDIR)/.tools/usr/bin:$(CURDIR)/.venv/bin:$$PATH" \
	  .venv/bin/python benchmarks/gpu_visit.py --device cpu --steps 2 --runs 2 --python .tools/torch/bin/python \
	  --product benchmarks/gpu_product.py --out .tools/gpu-visit.json $(ARGS)

cuda:
	@scripts/setup
	@.venv/bin/python benchmarks/images.py --cuda --page docs/images.md

tools:
	@scripts/setup
	@PATH="$(CURDIR)/.tools/usr/bin:$(CURDIR)/.venv/bin:$$PATH" .venv/bin/python scripts/tools --page docs/tools.md --remove-images $(ARGS)

screenshots:
	@scripts/setup --tests
	@.venv/bin/python scripts/screenshots

cluster:
	@scripts/setup --tests
	@PATH="$(CURDIR)/.tools/usr/bin:$(CURDIR)/.venv/bin:$$PATH" .venv/bin/python tests/cluster.py $(ARGS)
	@[ -n "$(ARGS)" ] || PATH="$(CURDIR)/.tools/usr/bin:$(CURDIR)/.venv/bin:$$PATH" scripts/engines only podman .venv/bin/python tests/cluster.py engines

runtimes:
	@scripts/runtimes

clean:
	rm -rf .demo .tools .pytest_cache .mypy_cache .ruff_cache
