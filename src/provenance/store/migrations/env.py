"""Alembic's entry: runs on the connection and in the transaction that `provenance.store.database.migrate` hands over."""

from alembic import context

from provenance.store.tables import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
