"""Text that a spreadsheet shows as text: a cell that begins like a formula is run when the file is opened."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def plain_cell(cell: str) -> str:
    """The cell with an apostrophe before it where it begins like a formula and is not a number."""
    if not cell.startswith(_FORMULA_STARTS):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell
