"""The engine of SvP Lab: simulate, generate, read, measure and name sub-visible particles. Knows no screen."""
