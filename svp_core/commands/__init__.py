"""One module a command: add_arguments(parser) and run(options). The list stands in svp_core.cli."""
