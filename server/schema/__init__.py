"""The YANG schema: the model (pyang) and the validator child (libyang)."""
