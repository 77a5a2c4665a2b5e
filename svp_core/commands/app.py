"""Open the app in the browser."""

from argparse import ArgumentParser, Namespace


def add_arguments(_parser: ArgumentParser) -> None:
    """app has no arguments."""


def run(_options: Namespace) -> None:
    """Serve the app until it is stopped."""
    from svp_core import launch

    launch.main()
