"""Imports and exports: runs, their progress and their faults."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.execute("""
        CREATE TABLE store.imports (
            id uuid PRIMARY KEY,
            status text NOT NULL DEFAULT 'waiting' CHECK (status IN ('waiting', 'running', 'done', 'failed')),
            reason text CHECK ((status = 'failed') = (reason IS NOT NULL)),
            content_type text NOT NULL,
            size bigint NOT NULL CHECK (size >= 0),
            dry_run boolean NOT NULL,
            mapping jsonb NOT NULL,
            form jsonb,
            place bigint NOT NULL DEFAULT 0,
            bytes_read bigint NOT NULL DEFAULT 0,
            rows bigint NOT NULL DEFAULT 0,
            created bigint NOT NULL DEFAULT 0,
            updated bigint NOT NULL DEFAULT 0,
            unchanged bigint NOT NULL DEFAULT 0,
            failed bigint NOT NULL DEFAULT 0,
            faults bigint NOT NULL DEFAULT 0,
            turn bigint NOT NULL DEFAULT 0,
            holder uuid,
            actor_id uuid NOT NULL,
            trace_id text NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now(),
            finished_at timestamptz
        );
        CREATE INDEX imports_by_age ON store.imports (created_at);
        CREATE TABLE store.import_errors (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            at timestamptz NOT NULL DEFAULT now(),
            import_id uuid NOT NULL REFERENCES store.imports ON DELETE CASCADE,
            "row" bigint NOT NULL,
            "column" text,
            code text NOT NULL,
            parameters jsonb NOT NULL
        );
        CREATE INDEX import_errors_by_import ON store.import_errors (import_id, id);
        CREATE INDEX import_errors_by_age ON store.import_errors (at);
        CREATE TABLE store.exports (
            id uuid PRIMARY KEY,
            status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'done', 'failed')),
            reason text CHECK ((status = 'failed') = (reason IS NOT NULL)),
            rows bigint NOT NULL DEFAULT 0,
            after_id uuid,
            upload_id text,
            parts jsonb NOT NULL DEFAULT '[]',
            turn bigint NOT NULL DEFAULT 0,
            holder uuid,
            actor_id uuid NOT NULL,
            trace_id text NOT NULL,
            created_at timestamptz NOT NULL DEFAULT now(),
            updated_at timestamptz NOT NULL DEFAULT now(),
            finished_at timestamptz
        );
        CREATE INDEX exports_by_age ON store.exports (created_at);

        GRANT SELECT, INSERT, UPDATE, DELETE ON store.imports, store.exports TO eatit_store;
        GRANT SELECT, INSERT ON store.import_errors TO eatit_store;
        GRANT SELECT (id, created_at, status), DELETE ON store.imports TO eatit_operations;
        GRANT SELECT (id, at), DELETE ON store.import_errors TO eatit_operations;
        GRANT SELECT (id, created_at), DELETE ON store.exports TO eatit_operations;
    """)
