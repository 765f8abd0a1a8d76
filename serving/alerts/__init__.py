"""The life of an alert after ISA-18.2: what people do with it, how it escalates, and the log of its changes."""
