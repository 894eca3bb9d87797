"""The e-trunk hello datagram: layout and authentication. Pure."""


def profile_of(datagram: bytes) -> int | None:
    """The backup-id that a datagram is for, before it is authenticated; None when it is no hello."""
    raise NotImplementedError
