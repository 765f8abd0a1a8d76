"""Pure rules that find faulty sensors in readings; removing the values belongs in `features.silver`."""
