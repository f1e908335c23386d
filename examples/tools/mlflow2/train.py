"""MLflow 2 in its file store: parameters, metrics, a logged model."""

import mlflow
import numpy as np
from sklearn.linear_model import Ridge

mlflow.set_experiment("ridge")
with mlflow.start_run(run_name="small"):
    draws = np.random.default_rng(1)
    data = draws.normal(size=(64, 3))
    model = Ridge(alpha=0.5).fit(data, data @ [1.0, 2.0, 3.0])
    mlflow.log_params(model.get_params())
    for step in range(3):
        mlflow.log_metric("loss", float(np.abs(model.coef_).sum()) / (step + 1), step=step)
    mlflow.sklearn.log_model(model, "model")
