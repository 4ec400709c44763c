"""The history of an MLflow that others filled: read from it, and turned into rows that an import records. Nothing is written to MLflow.

- `provenance.mlflow_link.history.records`: what both readers hand on, as plain records.
- `provenance.mlflow_link.history.api`: the reference reader, by MLflow's own client.
- `provenance.mlflow_link.history.sql`: the fast reader, by direct SQL on a store of a known revision.
- `provenance.mlflow_link.history.parents`: the tags and parameters by which people name a base model.
- `provenance.mlflow_link.history.identities`: which artifact a registered version, a logged model or a dataset is.
- `provenance.mlflow_link.history.graph`: the records as rows of artifacts and relations, and whose objects they are.
"""
