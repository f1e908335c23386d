"""Boosted trees with row and column sampling."""

import xgboost
from sklearn.datasets import load_wine

data = load_wine()
model = xgboost.XGBClassifier(n_estimators=15, subsample=0.8, colsample_bytree=0.5, n_jobs=1)
model.fit(data.data, data.target)
model.save_model("model.json")
