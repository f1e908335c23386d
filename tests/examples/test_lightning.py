"""A CNN and a small transformer trained by Lightning with `deterministic=True`, as its users write
it: the same bits twice.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from flow_project import Project

pytestmark = [pytest.mark.engine, pytest.mark.slow]

CONFIG = """\
net: cnn
reprobox:
  command: [python, fit.py, config.yaml]
  environment:
    base: debian:bookworm
    python: "3.11"
    requirements: [torch==2.13.0, lightning==2.*, numpy, pyyaml]
  trail: {every: 1}
  memory: 3g
"""

FIT = """\
import sys

import lightning
import torch
import yaml
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

net = yaml.safe_load(open(sys.argv[1]))["net"]


class Tokens(nn.Module):
    def __init__(self):
        super().__init__()
        layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 2), nn.Linear(32, 4)

    def forward(self, x):
        return self.head(self.encoder(x.flatten(1).unflatten(1, (8, 32))).mean(1))


class Module(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        cnn = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Dropout(0.2), nn.Flatten(), nn.Linear(8 * 14 * 14, 4))
        self.net = cnn if net == "cnn" else Tokens()

    def training_step(self, batch, _):
        loss = nn.functional.cross_entropy(self.net(batch[0]), batch[1])
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), 0.01)


data = TensorDataset(torch.randn(128, 1, 16, 16), torch.randint(0, 4, (128,)))
trainer = lightning.Trainer(
    max_epochs=2, deterministic=True, accelerator="cpu", logger=lightning.pytorch.loggers.CSVLogger("."), log_every_n_steps=1,
    enable_progress_bar=False, enable_model_summary=False,
)
trainer.fit(Module(), DataLoader(data, batch_size=32, shuffle=True))
"""


def test_lightning_is_identical(tmp_path: Path, base_env: dict[str, str]) -> None:
    project = Project(tmp_path, base_env)
    project.git("init", "-q")
    project.write("config.yaml", CONFIG)
    project.write("fit.py", FIT)
    for verb in ("lock", "build"):
        said = project(verb)
        assert said.code == 0, said.err
    project.commit("fit")
    for net in ("cnn", "transformer"):
        record = project.run(f"net={net}")
        said = project("replay", "latest", "--json")
        assert said.code == 0, said.out + said.err
        states = {file["path"].rpartition(".")[2]: file["state"] for file in said.json["files"]}
        assert states["ckpt"] == states["csv"] == "identical"
        assert set(states.values()) == {"identical"}
        trail = (Path(record["path"]) / "trail.jsonl").read_text()
        assert '"s": 8' in trail
