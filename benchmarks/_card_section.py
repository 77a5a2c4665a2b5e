"""One section of a model's card, written by the benchmark that measured it."""


def write_section(card, heading, lines):
    """Write a section into the card: replaces an earlier one, else goes before the measurements, else to the end.

    card: Path. heading: its first line, "## ...". lines: the whole section, heading included.
    """
    text = card.read_text("utf-8")
    before, found, after = text.partition(f"{heading}\n")
    rest = after[after.find("\n## ") + 1 :] if found and "\n## " in after else ""
    if not found:
        position = text.find("## Measured")
        before, rest = (text, "") if position < 0 else (text[:position], text[position:])
    card.write_text(
        before.rstrip() + "\n\n" + "\n".join(lines).rstrip() + "\n" + (f"\n{rest}" if rest else ""), "utf-8"
    )
