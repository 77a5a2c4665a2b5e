"""What a classifier calls the particles of a source, batch by batch, in the order in which they are offered."""

from contextlib import closing

from svp_core.classification.measure import measure_records, processes_for, read_measured


def classify_source(path, classifier, *, um_per_px=None, choices=None, instrument=(), count=0, **sizes):
    """Name and measure every particle of a source; yields a ResultChunk per batch.

    path, choices, um_per_px, instrument, sizes (batch, processes): as reading.read_measured takes them. count: about
    how many particles there are, None where nobody knows; many are read by several processes. status is "ok", or
    "rejected" with the reason. Raises LabError where the source as a whole cannot be read.
    """
    sizes = {"processes": processes_for(count)} | sizes
    measured = read_measured(path, um_per_px=um_per_px, choices=choices, instrument=instrument, **sizes)
    begun = None
    with closing(measured):
        # One batch is always ahead: a GPU names it while this process writes down the one before.
        for chunk in measured:
            begun, before = (chunk, _begin(chunk, classifier)), begun
            if before:
                yield _finish(*before, classifier)
        if begun:
            yield _finish(*begun, classifier)


def classify_records(records, classifier, *, um_per_px=None, instrument=()):
    """The ResultChunk of these particle records."""
    chunk = measure_records(records, um_per_px=um_per_px, instrument=instrument)
    return _finish(chunk, _begin(chunk, classifier), classifier)


def _begin(chunk, classifier):
    """Probabilities of a chunk's tiles as begin_probs gives them; None where there are no tiles."""
    from svp_core.classifier.resnet import start_predicting

    return start_predicting(classifier, chunk.tiles) if len(chunk.tiles) else None


def _finish(chunk, probabilities, classifier):
    """The chunk, its rows with probabilities, label and confidence."""
    keys = classifier.config.class_keys
    names, nothing = [f"p_{key}" for key in keys], dict.fromkeys(f"p_{key}" for key in keys)
    found = iter(() if probabilities is None else probabilities.tolist())
    for row in chunk.rows:
        row |= nothing
        if row["status"] == "ok":
            values = next(found)
            row |= zip(names, values, strict=True)
            row["confidence"] = max(values)
            row["label"] = keys[values.index(row["confidence"])]
    return chunk
