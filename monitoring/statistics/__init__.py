"""Statistics that several packages of `monitoring` share; metrics of one subject do not belong here."""
