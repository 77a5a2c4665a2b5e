"""Profiles in the workspace: found again for the next run, changed part by part, exported and imported."""

import threading

import pytest

from svp_core.errors import LabError
from svp_core.workspace import instrument_profiles as profiles


@pytest.fixture(autouse=True)
def lab(tmp_path, monkeypatch):
    monkeypatch.setenv("SVP_WORKSPACE", str(tmp_path / "work"))
    monkeypatch.delenv("SVP_DATABASE_URL", raising=False)


def test_the_next_run_of_an_instrument_finds_its_profile():
    first = profiles.profile_for_run("flowcam", 0.279, instrument="FlowCam, VisualSpreadsheet 4.19.3")
    assert profiles.profile_for_run("flowcam", 0.2791) == first
    assert first.instrument == "FlowCam, VisualSpreadsheet 4.19.3"
    other = {profiles.profile_for_run("flowcam", 0.7).id, profiles.profile_for_run("mfi", 0.279).id}
    assert {profile.id for profile in profiles.list_profiles()} == {first.id, *other}
    assert len(other) == 2


def test_of_two_that_fit_the_more_similar_pixel_size_is_taken():
    first = profiles.profile_for_run("flowcam", 1.0)
    second = profiles.profile_for_run("flowcam", 1.0021)
    assert first != second
    assert profiles.profile_for_run("flowcam", 1.0005) == first
    assert profiles.profile_for_run("flowcam", 1.0017) == second


def test_parts_are_changed_without_touching_the_others():
    profile = profiles.profile_for_run("mfi", 0.25)
    threads = [
        threading.Thread(target=profiles.update_profile, args=(profile.id,), kwargs={part: {"n": number}})
        for part in profiles.PARTS
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = profiles.find_profile(profile.id)
    assert all(getattr(found, part) for part in profiles.PARTS)
    profiles.update_profile(profile.id, conditions={"n": 99})
    profiles.rename_profile(profile.id, "  MFI in   room 3 ")
    found = profiles.find_profile(profile.id)
    assert (found.name, found.conditions) == ("MFI in room 3", {"n": 99})
    assert found.validation is not None
    with pytest.raises(ValueError, match="no part"):
        profiles.update_profile(profile.id, name={})


def test_export_and_import():
    profile = profiles.profile_for_run("ifcb", 0.4)
    profiles.update_profile(profile.id, validation={"n": 100})
    exported = profiles.export_profile(profile.id)
    with pytest.raises(LabError, match="already"):
        profiles.import_profile(exported)
    profiles.delete_profile(profile.id)
    assert profiles.list_profiles() == []
    again = profiles.import_profile(exported.encode())
    assert (again.id, again.validation) == (profile.id, {"n": 100})
    assert profiles.profile_for_run("ifcb", 0.4) == again
    for wrong in ("../../etc", "a" * 33):
        with pytest.raises(LabError):
            profiles.import_profile(exported.replace(profile.id, wrong))


def test_unknown_profiles_are_refused():
    for action in (
        lambda: profiles.find_profile("nothing"),
        lambda: profiles.rename_profile("nothing", "x"),
        lambda: profiles.update_profile("nothing", conditions=None),
        lambda: profiles.delete_profile("nothing"),
        lambda: profiles.profile_folder("nothing"),
    ):
        with pytest.raises(LabError):
            action()


def test_deleting_a_profile_removes_its_files():
    profile = profiles.profile_for_run("ifcb", 0.4)
    folder = profiles.profile_folder(profile.id)
    (folder / "tiles.npy").write_bytes(b"1")
    profiles.delete_profile(profile.id)
    assert not folder.exists()
