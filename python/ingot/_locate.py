"""Where the runtime library and the programs are: in the installed package, or in the build tree of a checkout."""

import pathlib

from ._errors import FileError

_PACKAGE = pathlib.Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parents[1]


def roots():
    """Folders with bin/, lib/ and libexec/, the best first."""
    if (_PACKAGE / "_native").is_dir():
        return [_PACKAGE / "_native"]
    return [_CHECKOUT / "build" / name for name in ("dev", "release", "release-runtime")]


def find(relative):
    """The path of `relative`, for example "bin/ingot". Raises FileError if it is nowhere."""
    for root in roots():
        if (root / relative).exists():
            return root / relative
    looked = ", ".join(str(root) for root in roots())
    raise FileError(f"cannot find {relative} in {looked}: install the package with pip, or build the checkout with make build")
