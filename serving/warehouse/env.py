"""Alembic's entry point: runs the pending revisions on the connection and transaction of `migrations`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
