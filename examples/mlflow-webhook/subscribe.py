"""Has MLflow send a webhook for everything that happens to its registered models: ``python subscribe.py ADDRESS``.

MLFLOW_TRACKING_URI names the MLflow, PROVENANCE_WEBHOOK_SECRET holds the secret that it is to sign with.
"""

import os
import sys

import mlflow

EVENTS = [
    "registered_model.created",
    "model_version.created",
    "model_version_tag.set",
    "model_version_tag.deleted",
    "model_version_alias.created",
    "model_version_alias.deleted",
]
"""MLflow has none for runs, logged models and datasets: what is logged there is found by the look that one of these brings about."""


def main() -> None:
    """Makes the webhook, and has MLflow try it."""
    client = mlflow.MlflowClient()
    webhook = client.create_webhook(
        name="provenance", url=sys.argv[1], events=EVENTS, secret=os.environ["PROVENANCE_WEBHOOK_SECRET"]
    )
    tried = client.test_webhook(webhook.webhook_id)
    if not tried.success:
        sys.exit(
            f"the webhook stands, but can't be delivered: {tried.error_message or tried.response_status}"
        )
    print(f"webhook {webhook.webhook_id}: MLflow was answered {tried.response_status}")


if __name__ == "__main__":
    main()
