"""Full camera frames: read them, find the particles in them, score, exchange and evaluate boxes."""
