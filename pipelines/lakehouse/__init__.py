"""Jobs that fill the lake and follow it into the warehouse; rules about readings belong in `features`."""
