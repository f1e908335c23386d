"""Wrote data/digits.csv, once, from scikit-learn's copy of the UCI handwritten digits. Kept to show
where the bytes came from.
"""

from pathlib import Path

from sklearn.datasets import load_digits

digits = load_digits()
header = ",".join([f"p{row}{column}" for row in range(8) for column in range(8)] + ["digit"])
rows = [
    ",".join(str(int(value)) for value in (*image, label))
    for image, label in zip(digits.data, digits.target, strict=True)
]
Path(__file__).with_name("data").joinpath("digits.csv").write_text(
    "\n".join([header, *rows]) + "\n"
)
