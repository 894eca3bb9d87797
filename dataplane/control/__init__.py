"""The control socket between the server and the dataplane."""
