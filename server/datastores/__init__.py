"""Candidate and running: storage, locks, the commit transaction."""
