"""Checks of what goes to C, which would cut it off without a word."""

import numbers
import os

from ._errors import InvalidArgumentError


def integer(what, value, low, high):
    """`value` as an int from `low` to `high`, both included."""
    if not isinstance(value, numbers.Integral) or not low <= value <= high:
        raise InvalidArgumentError(f"{what} expects an integer from {low} to {high}, but got {value!r}")
    return int(value)


def number(what, value):
    """`value` as a float."""
    if not isinstance(value, numbers.Real):
        raise InvalidArgumentError(f"{what} expects a number, but got {value!r}")
    try:
        return float(value)
    except OverflowError as error:
        raise InvalidArgumentError(f"{what} expects a number, but got one that is too large") from error


def text(what, value):
    """`value` as bytes in UTF-8."""
    if not isinstance(value, str):
        raise InvalidArgumentError(f"{what} expects a text, but got {value!r:.80}")
    try:
        return value.encode(errors="surrogateescape")
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(f"{what} expects a text, but got surrogates") from error


def name(what, value):
    """A text without zero bytes."""
    return without_zeros(what, text(what, value))


def path(what, value):
    """`value` as bytes for the file system."""
    if not isinstance(value, (str, bytes, os.PathLike)):
        raise InvalidArgumentError(f"{what} expects a path, but got {value!r:.80}")
    try:
        return without_zeros(what, os.fsencode(value))
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(f"{what} expects a path, but got {value!r:.80}") from error


def without_zeros(what, value):
    if b"\0" in value:
        raise InvalidArgumentError(f"{what} expects no zero bytes, but got {value!r:.80}")
    return value
