"""The vocabulary: which kinds of particle there are, what they are called, how they are drawn, how they are binned."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class ParticleClass:
    """One kind of particle as the lab speaks of it."""

    key: str  # in files, folders, columns and commands
    name: str  # on screens and in reports
    colour: str  # at least 3:1 on white and on the dark background
    symbol: str  # plotly marker: a class is never told by colour alone
    aliases: tuple[str, ...]  # folder names people use, in lower case, words parted by one space


PROTEIN = ParticleClass(
    "protein",
    "Protein",
    "#8A6DA2",
    "diamond",
    ("protein", "proteins", "protein aggregate", "protein aggregates", "aggregate", "aggregates"),
)
SILICONE_OIL = ParticleClass(
    "silicone_oil",
    "Silicone oil",
    "#BD8118",
    "circle",
    (
        "silicone oil",
        "silicon oil",
        "silicone",
        "oil",
        "oil droplet",
        "oil droplets",
        "silicone oil droplet",
        "silicone oil droplets",
    ),
)
AIR_BUBBLE = ParticleClass(
    "air_bubble",
    "Air bubble",
    "#2B63E3",
    "square",
    ("air bubble", "air bubbles", "air", "bubble", "bubbles"),
)
GLASS_FLAKE = ParticleClass(
    "glass_flake", "Glass flake", "#00A36E", "triangle-up", ("glass flake", "glass flakes", "glass")
)
FIBRE = ParticleClass("fibre", "Fibre", "#00A36E", "cross", ("fibre", "fibres", "fiber", "fibers"))

# The position in CLASSES is the label: 0, 1, 2. It is also the order of the published classifier checkpoint.
CLASSES = (PROTEIN, SILICONE_OIL, AIR_BUBBLE)
# Kinds the simulator draws besides, and no shipped classifier was trained on.
FOREIGN = (GLASS_FLAKE, FIBRE)

# Lower edges of the cumulative size bins, equivalent circular diameter in um (USP <1788> practice).
SIZE_BINS_UM = (2, 5, 10, 25)


def class_by_key(key):
    """The class with this key, e.g. "air_bubble". Raises KeyError for an unknown one."""
    for particle_class in (*CLASSES, *FOREIGN):
        if particle_class.key == key:
            return particle_class
    raise KeyError(f"{key!r} is no particle class; known are {', '.join(all_keys())}")


def all_keys():
    """Keys of every class the product knows, foreign kinds last."""
    return tuple(c.key for c in (*CLASSES, *FOREIGN))


def class_from_folder(name):
    """The class that a folder of this name holds ("Silicone oil", "air-bubbles", "protein_1"), or None."""
    plain = re.sub(r"[^a-z]+", " ", name.casefold()).strip()
    return next((c for c in (*CLASSES, *FOREIGN) if plain in c.aliases), None)
