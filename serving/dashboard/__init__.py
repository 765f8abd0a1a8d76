"""The planner's pages: they read views as the reader role, and write through the API only."""
