"""The true diameter of a particle with its interval, corrected for the optics."""
