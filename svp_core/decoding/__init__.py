"""Decode image files of any kind and depth to grey or colour levels of 8 bits, on one brightness scale a source."""
