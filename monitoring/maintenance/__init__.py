"""What years of a fleet cost under a maintenance policy; the date of one repair belongs in `serving.prediction`."""
