"""Feature vectors of tiles, and clusters and two-dimensional maps of them."""
