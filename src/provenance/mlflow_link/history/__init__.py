"""The history of an MLflow that others filled: read from it, and turned into rows that an import records. Nothing is written to MLflow.

- `provenance.mlflow_link.history.records`: what every reader hands on, as plain records.
- `provenance.mlflow_link.history.scan`: the reference reader, by MLflow's API: `server` speaks it by REST, `embedded` in process.
- `provenance.mlflow_link.history.sql`: the fast reader, by direct SQL on a store of a known revision.
- `provenance.mlflow_link.history.completion`: what is referred to, looked up by the same steps for both.
- `provenance.mlflow_link.history.reading`: which reader reads which MLflow.
- `provenance.mlflow_link.history.parents`: the tags and parameters by which people name a base model; `addresses`: what they mean.
- `provenance.mlflow_link.history.memory`: what the registry knows of the objects of a history; `ours`: which of them our projection wrote.
- `provenance.mlflow_link.history.identities`: which artifact a registered version, a logged model or a dataset is; `naming`: what it is called.
- `provenance.mlflow_link.history.doubts`: where the account may not be all of it, so that the ancestry is unknown.
- `provenance.mlflow_link.history.graph`: the records as rows of artifacts and relations, and whose objects they are; `words`: what is
  kept of each as metadata.
"""
