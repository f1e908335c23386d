"""A module with the CSV and the TensorBoard logger, and a checkpoint."""

import lightning
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torch.utils.data import DataLoader, TensorDataset


class Module(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1)
        )

    def training_step(self, batch, _):
        data, target = batch
        loss = torch.nn.functional.mse_loss(self.net(data), target)
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-2)


data = torch.randn(64, 4)
loader = DataLoader(TensorDataset(data, data.sum(1, keepdim=True)), batch_size=16, shuffle=True)
trainer = lightning.Trainer(
    max_epochs=2,
    accelerator="cpu",
    log_every_n_steps=1,
    enable_progress_bar=False,
    logger=[CSVLogger("."), TensorBoardLogger(".", name="board")],
)
trainer.fit(Module(), loader)
