"""A text as numbers: train.bin, val.bin and the alphabet in meta.pkl, as nanoGPT prepares one."""

import pickle

import numpy as np

with open("input.txt") as file:
    text = file.read()
alphabet = sorted(set(text))
code = {sign: place for place, sign in enumerate(alphabet)}
numbers = np.array([code[sign] for sign in text], dtype=np.uint16)
cut = int(0.9 * len(numbers))
numbers[:cut].tofile("train.bin")
numbers[cut:].tofile("val.bin")
with open("meta.pkl", "wb") as file:
    pickle.dump(
        {"vocab_size": len(alphabet), "itos": dict(enumerate(alphabet)), "stoi": code}, file
    )
