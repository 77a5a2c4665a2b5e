"""Open the app in the browser.

It answers this machine only. With --address other machines are answered too, where sign-in (SVP_SIGN_IN), the folders
that may be read (SVP_DATA_ROOTS) and the key of the audit trail (SVP_AUDIT_KEY) are set; see the page Help, Serving.
"""

from argparse import ArgumentParser, Namespace

from svp_core.commands.arguments import whole_number


def add_arguments(parser: ArgumentParser) -> None:
    """Arguments of app."""
    parser.add_argument("--address", default="127.0.0.1", help="address to answer at")
    parser.add_argument("--port", type=whole_number, help="port; else 8501, or a free one where that is taken")


def run(options: Namespace) -> None:
    """Serve the app until it is stopped."""
    from svp_core import launch

    launch.main(options.address, options.port)
