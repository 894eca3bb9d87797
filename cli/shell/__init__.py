"""`twincast shell`: the command line of routers, over NETCONF."""
