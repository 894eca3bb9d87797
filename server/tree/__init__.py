"""The configuration as an immutable value, and pure functions over it."""
