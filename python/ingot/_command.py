"""The command `ingot` of an installed package: becomes the program that came with it."""

import os
import sys

from . import _locate


def main():
    program = _locate.find("bin/ingot")
    os.execv(program, ["ingot", *sys.argv[1:]])
