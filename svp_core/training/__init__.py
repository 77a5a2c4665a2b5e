"""Training of generator and classifier: from labelled tiles to a model folder, with checkpoints and a card."""
