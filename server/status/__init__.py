"""The picture of a router that the status page and `twincast top` show. Pure."""
