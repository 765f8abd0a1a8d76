"""What jobs run on: Spark, Java, MLflow runs, console, set-up, doctor; no job of the data or the model belongs here."""
