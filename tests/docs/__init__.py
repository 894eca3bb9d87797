"""Every command block of the documentation is run, as a reader would run it."""
