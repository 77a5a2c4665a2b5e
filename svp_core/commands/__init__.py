"""The commands of svp-lab, one module each: add_arguments(parser) and run(options). svp_core.cli lists them."""
