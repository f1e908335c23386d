"""Groups, a multirun over two keys, and an output directory that is named by the time."""

import logging
import pathlib
import random

import hydra
from omegaconf import DictConfig


@hydra.main(version_base=None, config_path="conf", config_name="settings")
def main(settings: DictConfig) -> float:
    weights = [random.gauss(0, 1) for _ in range(settings.model.width)]
    loss = sum(weight * weight for weight in weights) * settings.lr
    logging.info("loss %.6f", loss)
    folder = pathlib.Path(hydra.core.hydra_config.HydraConfig.get().runtime.output_dir)
    (folder / "model.txt").write_text("\n".join(map(repr, weights)))
    return loss


main()
