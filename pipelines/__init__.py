"""Jobs and the command line: the only place that opens Spark, an MLflow run or a database; rules and formulas belong below."""
