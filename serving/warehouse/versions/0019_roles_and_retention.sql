-- Filled by its own change: partitions made ahead, retention, roles.
SELECT 1;
