"""A size-standard run in words, for page, report and command."""

from svp_core.size_standard.standard import BeadSize, SizeStandard

SIZE_HEADINGS = ["Diameter", "Beads", "Mean", "CV", "Bias"]
DIAMETER_NAMES = {  # column of results.csv -> name in the table
    "size_um": "Size of record",
    "ecd_um": "ECD of the outline",
    "diameter_um": "Corrected for the optics",
}


def standard_sentences(standard: SizeStandard) -> list[str]:
    """What was measured, and what it says of the pixel size."""
    certificate = f"{standard.certified_um:g} µm"
    if standard.uncertainty_um:
        certificate += f" ± {standard.uncertainty_um:g} µm"
    sentences = [
        f"Beads of certified {certificate} in {standard.source or 'a run'}, {standard.created[:10]}: "
        f"{standard.beads:,} of {standard.measured:,} particles are whole, round and of the main population."
    ]
    if pixel := standard.pixel:
        verdict = (
            "within the interval"
            if pixel.agrees
            else "outside the interval: check the pixel size and the certificate before sizes are reported"
        )
        sentences.append(
            f"The beads imply {pixel.implied:.4g} µm per pixel ({pixel.low:.4g} to {pixel.high:.4g}); "
            f"{pixel.in_use:.4g} is in use, {verdict}."
        )
    return sentences


def size_row(size: BeadSize) -> list[str]:
    """Diameter, beads, mean, CV and bias with its interval, as texts."""
    bias, low, high = (f"{100 * value:+.1f}".replace("-", "−") for value in (size.bias, size.bias_low, size.bias_high))
    name = DIAMETER_NAMES.get(size.diameter, size.diameter)
    return [name, f"{size.n:,}", f"{size.mean_um:.3g} µm", f"{100 * size.cv:.1f} %", f"{bias} % ({low} to {high})"]
