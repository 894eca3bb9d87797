"""`twincast top`: the router live on a terminal, over NETCONF."""
