"""The mark by which the catalogues know what is to be translated."""


def _(message: str) -> str:
    """Marks a message for the catalogues; it is translated where it is shown."""
    return message
