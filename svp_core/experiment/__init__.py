"""Does augmentation help here? Arms with and without added particles, compared on held-out real ones.

design: arms, doses, seeds. folds, lookalikes, leak_guard: what may be trained on, and what refuses the rest. additions,
pools: what an arm adds. learners, cell: one arm, seed and network. figures, intervals, comparison, verdict: from the
predictions to the sentence. Arrays in, arrays out; svp_core.tasks.experiment runs and stores it.
"""
