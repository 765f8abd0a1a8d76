"""Values to text and HTML: units, times, urgencies, tables, bars; every untrusted text is escaped."""
