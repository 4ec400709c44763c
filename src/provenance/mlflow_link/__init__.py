"""The projection to MLflow: what the ledger knows, shown where a team already looks.

The ledger is the record and MLflow holds a copy: it can be rebuilt at any time and is never read back as proof.

- `provenance.mlflow_link.text`: names, tags and words made fit for MLflow.
- `provenance.mlflow_link.description`: risks as Markdown.
- `provenance.mlflow_link.desired`: what MLflow should hold, as plain values.
- `provenance.mlflow_link.plan`: what is still to be written; imports no MLflow.
- `provenance.mlflow_link.adapter`: the one file that calls MLflow.
- `provenance.mlflow_link.sync`: writes what is pending.
"""
