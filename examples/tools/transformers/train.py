"""The Trainer with a tiny model of random weights; nothing comes from a hub."""

import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

config = BertConfig(
    vocab_size=50,
    hidden_size=16,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=32,
)
rows = [
    {"input_ids": torch.randint(0, 50, (12,)), "labels": torch.tensor(number % 2)}
    for number in range(32)
]
arguments = TrainingArguments(
    output_dir="out", num_train_epochs=1, per_device_train_batch_size=8, report_to=[], use_cpu=True
)
trainer = Trainer(BertForSequenceClassification(config), arguments, train_dataset=rows)
trainer.train()
trainer.save_model("model")
