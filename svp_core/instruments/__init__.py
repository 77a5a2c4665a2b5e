"""Read what labs have on disk into particle records; the entry point is detect.py."""
