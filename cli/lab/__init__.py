"""The laboratory: two routers, a core, an access switch and set-top boxes in namespaces."""
