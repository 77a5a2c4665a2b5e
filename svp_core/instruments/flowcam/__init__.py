"""Files of FlowCam instruments: runs, exports, lists, measures, class files."""
