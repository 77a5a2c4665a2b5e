"""Particles unlike anything known: a score per particle, its conformal p-value, a verdict on the whole sample."""
