"""Denoising, to play and to scrub: all steps are in the browser, so it runs smoothly and asks the server nothing."""

import hashlib
import json

import numpy as np

from pages.ui.components.gallery import encode_sheet
from pages.ui.components.register import register_component
from svp_core.images import contact_sheet

_mount = register_component("svp_player", __file__)


def show_trajectory(
    noisy, clean, sigmas, names, *, key, alt, steps=None, chosen=(), gains=(), changed=None, view="clean"
):
    """Draw the player. What its strip shows ("noisy", "clean", "changed") is st.session_state[key]["view"].

    noisy, clean: uint8 (S + 1, N, 64, 64). sigmas: (S + 1,). names: for each particle a list of short lines.
    steps: what the frames' steps are called, where not all were kept. chosen: frames of the strip, none for no strip.
    changed: uint8 (K, N, 64, 64), what changed at them, drawn times gains.
    """
    data = {
        "noisy": _sheet(noisy),
        "clean": _sheet(clean),
        "changed": _sheet(changed) if changed is not None else None,
        "sigmas": [float(sigma) for sigma in sigmas],
        "names": names,
        "alt": alt,
        "view": view,
        "steps": [int(step) for step in (range(len(sigmas)) if steps is None else steps)],
        "chosen": [{"step": int(step), "gain": int(gain)} for step, gain in zip(chosen, gains, strict=True)],
    }
    data["source"] = hashlib.blake2b(data["clean"].encode(), digest_size=12).hexdigest()
    data["version"] = hashlib.blake2b(json.dumps(data).encode(), digest_size=12).hexdigest()
    _mount(key=key, data=data, default={"view": view}, on_view_change=lambda: None)


def _sheet(frames):
    # Rows are particles, columns are steps.
    steps, count = frames.shape[:2]
    by_particle = np.swapaxes(frames, 0, 1).reshape(steps * count, *frames.shape[2:])
    return encode_sheet(contact_sheet(by_particle, columns=steps, gap_px=0))
