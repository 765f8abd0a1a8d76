"""PostgreSQL: server, connection, schema and tables; what is written is computed elsewhere."""
