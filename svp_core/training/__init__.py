"""From labelled tiles to a run folder: the trainings of generator and classifier, with checkpoints and a card."""
