"""The shipped sample data, all simulated: labelled tiles, a FlowCam-style run and full camera frames."""
