"""What is said of an error that the operating system told."""


def said(error: Exception) -> str:
    """Return the text of an error; of an unusable file its name and the reason, without a number."""
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)
