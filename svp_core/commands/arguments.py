"""Kinds of argument that several commands take, and how progress is shown to a person at a terminal."""

import argparse
import sys
import time


def whole_number(text):
    """int from 1, for argparse."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return number


_shown = [0.0]


def show(what, done, total):
    """One line that is written over, at most five times a second, and only where a person can see it."""
    if not sys.stderr.isatty() or (done != total and time.monotonic() - _shown[0] < 0.2):
        return
    _shown[0] = time.monotonic()
    print(f"\r{done}{f' of {total}' if total else ''} {what}   ", end="\n" if done == total else "", file=sys.stderr)
