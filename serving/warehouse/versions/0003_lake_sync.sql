-- Which version of a Delta table the warehouse has taken in; written in the transaction that takes it in.
CREATE TABLE lake_sync (
    table_id    TEXT PRIMARY KEY,  -- id of the Delta table: another lake is another table
    table_name  TEXT NOT NULL,
    version     BIGINT NOT NULL,
    synced_at   TIMESTAMPTZ NOT NULL DEFAULT now()
);
