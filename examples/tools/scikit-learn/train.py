"""A pipeline with cross-validation, stored with joblib."""

import json

import joblib
from sklearn.datasets import load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

data = load_wine()
model = make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=20))
scores = cross_val_score(model, data.data, data.target, cv=3)
joblib.dump(model.fit(data.data, data.target), "model.joblib")
with open("scores.json", "w") as file:
    json.dump(list(scores), file)
