"""What labs have on disk -> particle records. sources.py is the door; each other module knows one format."""
