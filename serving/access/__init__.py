"""Who may use the service: keys, their roles, and the record of writes; what a request must carry belongs in `serving.api`."""
