"""A Lightning module with dropout and a scheduler; a checkpoint every two steps."""

import sys

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader, TensorDataset


class Module(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.net = torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.Dropout(0.2), torch.nn.Linear(8, 1)
        )

    def training_step(self, batch, _):
        data, target = batch
        return torch.nn.functional.mse_loss(self.net(data), target)

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=1e-2)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
        return {"optimizer": optimizer, "lr_scheduler": scheduler}


data = torch.arange(256.0).reshape(64, 4) / 100
loader = DataLoader(TensorDataset(data, data.sum(1, keepdim=True)), batch_size=16, shuffle=True)
trainer = lightning.Trainer(
    max_epochs=3,
    accelerator="cpu",
    enable_progress_bar=False,
    logger=False,
    callbacks=[ModelCheckpoint("checkpoints", every_n_train_steps=2, save_last=True)],
)
module = Module()
trainer.fit(module, loader, ckpt_path="last" if "--resume" in sys.argv else None)
torch.save(module.state_dict(), "final.pt")
