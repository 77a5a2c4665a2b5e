"""Feature vectors of tiles, their clusters and maps."""
