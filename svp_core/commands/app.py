"""Open the app in the browser."""


def add_arguments(parser):
    """app takes nothing."""


def run(options):
    """Serves until it is stopped."""
    from svp_core import launch

    launch.main()
