"""What can go wrong with the embedded stack, each error with a sentence that says what to do."""


class StackError(Exception):
    """The stack, or one part of it, cannot run; the message is for the person at the terminal."""


class PortInUseError(StackError):
    """Somebody else listens where a part has to listen."""


class AlreadyRunningError(StackError):
    """Another supervisor holds the data directory."""


class PartFailedError(StackError):
    """A part did not get ready in time, or died too often."""
