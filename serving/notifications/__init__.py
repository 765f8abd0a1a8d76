"""Messages to people and systems: the outbox, and the channels that it is delivered through."""
