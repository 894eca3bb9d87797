"""Measurements: one table and a JSON file, with the machine they were made on. Run with `make bench`."""
