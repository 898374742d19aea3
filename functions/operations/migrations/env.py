"""How Alembic runs here: on the connection that it is given, each migration in a transaction of its own."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table_schema="operations", transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
