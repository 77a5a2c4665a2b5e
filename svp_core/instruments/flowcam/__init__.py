"""Files of FlowCam instruments: runs, csv exports, lists, measurements, class files."""
