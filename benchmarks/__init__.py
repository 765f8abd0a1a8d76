"""What Altaviz is compared with, and how it is timed; the product never imports it except to run a benchmark."""
