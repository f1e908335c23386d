"""A plain scikit-learn script: a random forest on the UCI wine data; writes the model, metrics and
predictions.
"""

import argparse
import csv
import json
from pathlib import Path

import joblib
import numpy as np
import yaml
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--trees", type=int, required=True)
    arguments = parser.parse_args()
    config = yaml.safe_load(arguments.config.read_text())
    table = np.loadtxt(config["data"], delimiter=",", skiprows=1)
    train_x, test_x, train_y, test_y = train_test_split(
        table[:, :-1], table[:, -1].astype(int), test_size=config["test_fraction"]
    )
    model = make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=arguments.trees))
    scores = cross_val_score(model, train_x, train_y, cv=config["folds"])
    model.fit(train_x, train_y)
    predicted = model.predict_proba(test_x)
    joblib.dump(model, "model.joblib")
    Path("metrics.json").write_text(
        json.dumps({"cv": scores.tolist(), "test": model.score(test_x, test_y)})
    )
    with Path("predictions.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [*row, label] for row, label in zip(predicted.tolist(), test_y.tolist(), strict=True)
        )
    print(f"cross-validated {scores.mean():.4f}, test {model.score(test_x, test_y):.4f}")


if __name__ == "__main__":
    main()
