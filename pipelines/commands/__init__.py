"""Options and sub-commands of the command line; a job or a table for the terminal does not belong here."""
