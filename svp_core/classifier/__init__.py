"""Classifier of particle tiles: a torchvision ResNet on one grey channel, with calibrated probabilities."""
