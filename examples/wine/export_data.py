"""Wrote data/wine.csv, once, from scikit-learn's copy of the UCI wine data. Kept to show where the
bytes came from.
"""

from pathlib import Path

from sklearn.datasets import load_wine

wine = load_wine()
header = ",".join([*(name.replace("/", "_over_") for name in wine.feature_names), "cultivar"])
rows = [
    ",".join([*(repr(float(value)) for value in sample), str(int(label))])
    for sample, label in zip(wine.data, wine.target, strict=True)
]
Path(__file__).with_name("data").joinpath("wine.csv").write_text("\n".join([header, *rows]) + "\n")
