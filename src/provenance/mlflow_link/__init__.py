"""The projection to MLflow: what the ledger knows, shown where a team already looks; and what a team did there, read.

The ledger is the record and MLflow holds a copy: it can be rebuilt at any time and is never read back as proof.

What is to be shown, as plain values; none of these modules asks an MLflow:

- `objects`: the objects of MLflow that the projection writes; `subjects`: what they are called.
- `text`: names, tags and words made fit for MLflow; `description`: an artifact in words.
- `desired`: what MLflow should hold; made of `entries` (artifacts), `audits` (tests) and `links`.
- `plan`: what is still to be written; `lag`: how far an MLflow is behind.

Writing it:

- `showing`, `changes`: what there is to show of a registry, and what of it is looked at again.
- `sync`, `drain`, `inline`: writing what is pending; by a sync, or at once at a registration.
- `adapter`: the idempotent writes, object by object; `places`: tags and descriptions, of which only what differs is written.

Speaking to an MLflow:

- `address`: servers and embedded stores, by URI.
- `port`: what is needed of an MLflow, in values of our own. Two modules have it:
  `rest` (a server, by plain requests: `wire`, `credentials`), and
  `embedded` (an SQLite store, by MLflow's own client: `in_process`, `revision`).

Reading:

- `history`: everything that others recorded in an MLflow, to import.
- `active`: what a training script did there.
"""
