"""scikit-learn under MLflow's autolog, in a database of SQLite."""

import mlflow
import numpy as np
from sklearn.ensemble import RandomForestRegressor

mlflow.set_experiment("forest")
mlflow.sklearn.autolog(log_models=False)
draws = np.random.default_rng(1)
data = draws.normal(size=(64, 3))
target = data @ [1.0, 2.0, 3.0]
with mlflow.start_run(run_name="small"):
    model = RandomForestRegressor(n_estimators=8, random_state=0).fit(data, target)
    model.score(data, target)
np.save("predictions.npy", model.predict(data))
