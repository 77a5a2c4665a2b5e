"""Copy the sample data set into the workspace; nothing happens where it is there already."""

from argparse import ArgumentParser, Namespace


def add_arguments(_parser: ArgumentParser) -> None:
    """install-samples has no arguments."""


def run(_options: Namespace) -> None:
    """Install the samples."""
    from svp_core.workspace.datasets import install_samples

    install_samples()
