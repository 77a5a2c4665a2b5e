"""Simulated instruments, shipped; exposed like a run's images they are the reference that counts are corrected by."""
