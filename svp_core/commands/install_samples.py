"""Put the sample data set into the workspace."""


def add_arguments(parser):
    """install-samples takes nothing."""


def run(options):
    """Nothing happens where the samples are there already."""
    from svp_core.workspace.datasets import install_samples

    install_samples()
