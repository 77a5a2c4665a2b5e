"""Small inputs of the kinds that labs' files go wrong in, beside the real data where that exists."""

import pytest


def case_folder(real_data, name):
    """Folder of the case of this name; the test is skipped where it does not exist. real_data: the fixture."""
    folder = real_data.parent / "cases" / name
    if not folder.is_dir():
        pytest.skip(f"there is no case {name} beside the real data")
    return folder
