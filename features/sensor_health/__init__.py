"""Whether a sensor is alive and measures what it should: pure rules over readings. What removes a value lives in silver."""
