"""A training script of a team that uses MLflow, and nothing but MLflow: there is no word of provenance in it.

A base model is trained on some text and registered; a student is trained from it on some numbers and registered as well.
"""

import mlflow
import numpy as np
from mlflow.entities import LoggedModelInput


class Echo(mlflow.pyfunc.PythonModel):
    """The smallest model that there is: it answers what it was asked."""

    def predict(self, model_input: list[str]) -> list[str]:
        """Answers."""
        return model_input


def log_model(name: str) -> mlflow.models.model.ModelInfo:
    """Logs the model of this run, and registers it under its name."""
    return mlflow.pyfunc.log_model(
        name=name, python_model=Echo(), registered_model_name=name, pip_requirements=[]
    )


def main() -> None:
    """Trains a base and a student."""
    mlflow.set_experiment("numbers")
    random = np.random.default_rng(0)
    with mlflow.start_run(run_name="base"):
        poems = mlflow.data.from_numpy(random.integers(256, size=64), name="poems")
        mlflow.log_input(poems, context="training")
        mlflow.log_params({"epochs": 1, "seed": 0})
        base = log_model("tiny-base")
    with mlflow.start_run(run_name="student") as run:
        numbers = mlflow.data.from_numpy(random.integers(10, size=64), name="numbers")
        mlflow.log_input(numbers, context="training")
        mlflow.MlflowClient().log_inputs(run.info.run_id, models=[LoggedModelInput(base.model_id)])
        mlflow.log_metric("loss", 0.5)
        log_model("tiny-student")


if __name__ == "__main__":
    main()
