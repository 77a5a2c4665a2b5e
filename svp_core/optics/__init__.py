"""Ground-truth simulator: bright-field images of particles with known class, size, refractive index and focus.

Lengths are in um; the background intensity is 1 until the camera; time factor exp(-i w t); z points along the light,
towards the objective. z_f is the focal plane relative to the particle: positive is downstream. "Index" means refractive
index.
"""
