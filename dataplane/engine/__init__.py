"""The engine: the one owner of the dataplane's state. Pure: messages in, effects out."""

from dataplane.engine.engine import Engine

__all__ = ["Engine"]
