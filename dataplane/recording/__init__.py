"""What happened to the engine, written down and played again."""
