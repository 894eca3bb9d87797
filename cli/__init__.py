"""What a person types: run, lab."""
