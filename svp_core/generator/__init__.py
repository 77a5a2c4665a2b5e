"""Diffusion model of particle tiles: one class-conditional network, EDM (Karras et al. 2022, arXiv 2206.00364)."""
