"""The engine: the one owner of the dataplane's state. Pure."""
