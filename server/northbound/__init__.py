"""The only part that knows both the YANG paths and the dataplane's types."""
