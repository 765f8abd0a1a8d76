"""Months of tables that are made ahead and dropped, and logs that are cut to length."""
