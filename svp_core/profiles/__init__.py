"""Instruments as a lab knows them: what their images are like, and what was checked on them."""
