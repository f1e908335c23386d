"""Hugging Face's Trainer with a tiny model of random weights; a checkpoint every two steps."""

import sys

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
    {
        "input_ids": (torch.arange(12) * (number + 3)) % 50,
        "labels": torch.tensor(number % 2),
    }
    for number in range(64)
]
arguments = TrainingArguments(
    output_dir="out",
    num_train_epochs=1,
    per_device_train_batch_size=8,
    save_steps=2,
    report_to=[],
    use_cpu=True,
)
trainer = Trainer(BertForSequenceClassification(config), arguments, train_dataset=rows)
trainer.train(resume_from_checkpoint="--resume" in sys.argv or None)
trainer.save_model("model")
