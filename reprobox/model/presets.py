"""Rules for what well-known tools leave: a name in `rules:` stands for these.

They leave aside what a clock, a generator or the machine gave, and compare all the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from reprobox.model.spec import OutputRule

Compare = Literal["bytes", "content", "tensors", "except-times", "ignore"]

_TIMES: Compare = "except-times"
_ROWS: dict[str, tuple[tuple[str, Compare], ...]] = {
    # https://www.tensorflow.org/tensorboard/get_started: events hold the wall time of each value.
    "tensorboard": (("events.out.tfevents.*", "content"),),
    # https://mlflow.org/docs/latest/tracking: the file store; identifiers and times in meta.yaml,
    # a time in each line of a metric, and one that is only a time in tags.
    "mlflow": (
        ("**/mlruns/*#**.start_time", "ignore"),
        ("**/mlruns/*#**.end_time", "ignore"),
        ("**/mlruns/*/tags/mlflow.runName", "ignore"),
        ("**/mlruns/*", _TIMES),
        ("mlflow.db", _TIMES),
    ),
    # https://docs.wandb.ai/guides/track/log: offline runs.
    "wandb": (
        ("**/wandb/*/logs/*", "ignore"),
        ("**/wandb/*.wandb", "ignore"),
        ("**/wandb/*wandb-summary.json#$._runtime", "ignore"),
        ("**/wandb/*wandb-summary.json#$._timestamp", "ignore"),
        ("**/wandb/*wandb-summary.json#$._wandb.runtime", "ignore"),
        ("**/wandb/*", _TIMES),
    ),
    # https://sacred.readthedocs.io/en/stable/observers.html, FileStorageObserver.
    "sacred": (
        ("run.json#$.heartbeat", "ignore"),
        ("run.json#$.start_time", "ignore"),
        ("run.json#$.stop_time", "ignore"),
        ("run.json#$.host", "ignore"),
        ("run.json", _TIMES),
        ("metrics.json#$.*.timestamps", "ignore"),
        ("metrics.json", _TIMES),
        ("cout.txt", _TIMES),
    ),
    # https://lightning.ai/docs/pytorch/stable/extensions/logging.html.
    "lightning": (
        ("**/lightning_logs/*events.out.tfevents.*", "content"),
        ("**/lightning_logs/*/metrics.csv#elapsed_time", "ignore"),
        ("**/lightning_logs/*", _TIMES),
    ),
    # https://hydra.cc/docs/configure_hydra/workdir: the output directory is in hydra.yaml, the time
    # in each line of the job's log.
    "hydra": (
        ("**/.hydra/*", _TIMES),
        ("multirun.yaml", _TIMES),
        ("*.log", _TIMES),
    ),
    # https://huggingface.co/docs/transformers/main_classes/trainer.
    "transformers": (
        *(
            (f"{file}#{key}", "ignore")
            for file in ("trainer_state.json", "*_results.json")
            for key in (
                "**.train_runtime",
                "**.train_samples_per_second",
                "**.train_steps_per_second",
                "**.eval_runtime",
                "**.eval_samples_per_second",
                "**.eval_steps_per_second",
                "**.predict_runtime",
                "**.test_runtime",
            )
        ),
        ("trainer_state.json", _TIMES),
        ("*_results.json", _TIMES),
        ("training_args.bin", _TIMES),
        ("events.out.tfevents.*", "content"),
    ),
    # https://catboost.ai/docs/en/concepts/output-data: the directory `catboost_info`.
    "catboost": (
        ("**/catboost_info/time_left.tsv", "ignore"),
        ("**/catboost_info/catboost_training.json#$.iterations[*].passed_time", "ignore"),
        ("**/catboost_info/catboost_training.json#$.iterations[*].remaining_time", "ignore"),
        ("**/catboost_info/catboost_training.json", _TIMES),
        ("**/catboost_info/*events.out.tfevents*", "content"),
    ),
    # https://keras.io/api/models/model_saving_apis: metadata.json in the archive has the date.
    "keras": (("*.keras", _TIMES),),
    # https://stable-baselines3.readthedocs.io/en/master/guide/save_format.html, common/monitor and
    # common/logger: seconds of each episode and of each log entry. The archive's `data` has them in
    # pickles within its text; its weights and optimizers are compared.
    "stable-baselines3": (
        ("*monitor.csv#t", "ignore"),
        ("*monitor.csv", _TIMES),
        ("progress.csv#time/fps", "ignore"),
        ("progress.csv#time/time_elapsed", "ignore"),
        ("progress.csv", _TIMES),
        ("*.zip#data", "ignore"),
        ("*.zip", _TIMES),
        ("events.out.tfevents.*#time", "ignore"),
        ("events.out.tfevents.*", "content"),
    ),
    # https://orbax.readthedocs.io/en/latest/guides/checkpoint/checkpoint_format.html: the manifests
    # of OCDBT have a time and name the files of data, which are compared by their bytes.
    "orbax": (
        ("manifest.ocdbt", "ignore"),
        ("_CHECKPOINT_METADATA", _TIMES),
        ("_METADATA", _TIMES),
    ),
    # https://docs.metaflow.org/internals/technical-overview: the local datastore.
    "metaflow": (
        ("**/.metaflow/*.attempt.json", "ignore"),
        ("**/.metaflow/*.DONE.lock", "ignore"),
        ("**/.metaflow/*_meta/*", _TIMES),
        ("**/.metaflow/*/data/*", "bytes"),
        ("**/.metaflow/*", _TIMES),
    ),
}
PRESETS: dict[str, tuple[OutputRule, ...]] = {
    name: tuple(OutputRule(pattern=pattern, compare=compare) for pattern, compare in rows)
    for name, rows in _ROWS.items()
}
"""By name; the first rule that matches a path counts."""


def expand(names: Iterable[str]) -> tuple[OutputRule, ...]:
    """The rules of these presets, one after the other."""
    return tuple(rule for name in names for rule in PRESETS[name])
