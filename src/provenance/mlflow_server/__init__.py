"""Capture on the side of an MLflow server: something happened there, so import what is new; no word in the code that trains.

Two ways to hear of it, and nothing that is heard counts as a fact: the facts are what the importer then reads from MLflow itself.

- `app`: a plugin for ``mlflow server --app-name provenance``, around MLflow's own app or around one with authentication. It sees every
  call of every client (`calls`, `observed`), and imports in a thread of the server (`importer`).
- `listening`: a receiver of MLflow's webhooks in a process of its own (`receiver`), which believes only what is signed (`signature`).

Both ring a `bell`, which makes many calls into few imports.
"""
