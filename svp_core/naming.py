"""What a classifier calls the particles of a source, batch by batch, in the order in which they are offered."""

from contextlib import closing

from svp_core.reading import measure_records, processes_for, read_measured


def classify_source(path, classifier, *, um_per_px=None, choices=None, instrument=(), count=0, **sizes):
    """Name and measure every particle of a source; yields a ResultChunk per batch.

    path, choices, um_per_px, instrument, sizes (batch, processes): as reading.read_measured takes them. count: about
    how many particles there are, None where nobody knows; many are read by several processes. status is "ok", or
    "rejected" with the reason. Raises LabError where the source as a whole cannot be read.
    """
    sizes = {"processes": processes_for(count)} | sizes
    measured = read_measured(path, um_per_px=um_per_px, choices=choices, instrument=instrument, **sizes)
    with closing(measured):
        for chunk in measured:
            yield name_chunk(chunk, classifier)


def classify_records(records, classifier, *, um_per_px=None, instrument=()):
    """The ResultChunk of these particle records."""
    return name_chunk(measure_records(records, um_per_px=um_per_px, instrument=instrument), classifier)


def name_chunk(chunk, classifier):
    """The chunk, its rows with probabilities, label and confidence."""
    from svp_core.classifier.resnet import predict_probs

    keys = classifier.config.class_keys
    names, nothing = [f"p_{key}" for key in keys], dict.fromkeys(f"p_{key}" for key in keys)
    probabilities = predict_probs(classifier, chunk.tiles)
    found = iter(zip(probabilities.argmax(1).tolist(), probabilities.tolist(), strict=True))
    for row in chunk.rows:
        row |= nothing
        if row["status"] == "ok":
            place, values = next(found)
            row |= zip(names, values, strict=True)
            row["label"], row["confidence"] = keys[place], values[place]
    return chunk
