"""Instrument profiles: which runs they fit, and as a file."""

import json
from dataclasses import asdict

import pytest

from svp_core.errors import LabError
from svp_core.profiles.profile import PLAIN, InstrumentProfile, check_name, from_json, kind_of_source, to_json

PROFILE = InstrumentProfile(
    "0123456789ab", "FlowCam left", "flowcam", 0.2790, "2026-01-02T03:04:05+00:00", conditions={"background": 0.7}
)


def test_a_profile_fits_runs_of_its_kind_and_pixel_size():
    assert PROFILE.fits("flowcam", 0.2790)
    assert PROFILE.fits("flowcam", 0.2795)
    assert not PROFILE.fits("flowcam", 0.2800)
    assert not PROFILE.fits("mfi", 0.2790)
    assert [kind_of_source(kind) for kind in ("flowcam", "mfi", "folder", "collage")] == [
        "flowcam",
        "mfi",
        PLAIN,
        PLAIN,
    ]


def test_an_exported_profile_is_read_again():
    assert from_json(to_json(PROFILE)) == PROFILE
    newer = json.loads(to_json(PROFILE)) | {"version": 7, "laser": 5}
    assert from_json(json.dumps(newer)) == PROFILE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "\xff",
        json.dumps(asdict(PROFILE)),  # not exported: the format is missing
        to_json(PROFILE).replace("0.279", "-1"),
        to_json(PROFILE).replace("0.279", "NaN"),
        to_json(PROFILE).replace('"FlowCam left"', "7"),
        to_json(PROFILE).replace('"size_standard": null', '"size_standard": [1]'),
        "[" * 100_000,
        "x" * 6_000_000,
    ],
)
def test_other_files_are_refused(text):
    with pytest.raises(LabError, match="not an exported"):
        from_json(text)


@pytest.mark.parametrize("name", ["", "  ", "x" * 81])
def test_impossible_names_are_refused(name):
    with pytest.raises(LabError):
        check_name(name)
