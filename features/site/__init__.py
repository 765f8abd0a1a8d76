"""Readings and reference files as sites write them, turned into the contract. What refuses a row lives in silver."""
