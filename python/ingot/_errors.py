"""Exceptions: one class per status code of the C interface."""


class Error(Exception):
    """Base of all exceptions of this package. `str(error)` is the message: lower case, without a final full stop."""


class InvalidArgumentError(Error, ValueError):
    """The caller asked for something that makes no sense, for example an array of the wrong shape."""


class CorruptError(Error):
    """A file breaks its format."""


class UnsupportedError(Error, NotImplementedError):
    """Makes sense, but is not built yet or not available on this machine."""


class OutOfMemoryError(Error, MemoryError):
    """There is not enough memory, or less than `memory_limit` allows."""


class FileError(Error, OSError):
    """A file cannot be read or written."""


class CancelledError(Error):
    """`Session.cancel` stopped the run. `Session.reset` makes the session usable again if a step was cut short."""


class InternalError(Error):
    """A bug in Ingot."""


BY_CODE = {
    1: InvalidArgumentError,
    2: CorruptError,
    3: UnsupportedError,
    4: OutOfMemoryError,
    5: FileError,
    6: CancelledError,
    7: InternalError,
}
