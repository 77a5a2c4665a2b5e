"""A run of beads of certified size: measured mean, CV, bias and the pixel size that they imply."""
