"""Particle classes: keys, names, colours, symbols and aliases; size bins."""

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class ParticleClass:
    """One class of particles."""

    key: str  # in files, folders, columns and commands
    name: str  # on screens and in reports
    colour: str  # at least 3:1 on white and on the dark background
    symbol: str  # Plotly marker, so that a class is never identified by colour alone
    aliases: tuple[str, ...]  # folder names in use, in lower case, words separated by one space


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
FIBRE = ParticleClass("fibre", "Fibre", "#C2483F", "cross", ("fibre", "fibres", "fiber", "fibers"))
OTHER = ParticleClass(
    "other", "Other", "#6F7683", "triangle-left", ("other", "others", "other particle", "other particles")
)

# The position in CLASSES is the label: 0, 1, 2. It is also the order of the published classifier checkpoint.
CLASSES = (PROTEIN, SILICONE_OIL, AIR_BUBBLE)
# What else a run holds. OTHER is what is none of the classes above: opaque pieces (rubber, metal), cells.
FURTHER_CLASSES = (GLASS_FLAKE, FIBRE, OTHER)
# Labels beside those of classes.
UNSURE = "unsure"  # of a particle whose probability is below the threshold of its class
UNLIKE = "unlike"  # of a particle that resembles no class
ALL = "all"  # of a row for all classes together

# Colours and symbols of a lab's own classes; contrast at least 3:1 on both backgrounds, distinct from those above.
_OWN_COLOURS = ("#B5476B", "#5F7F1E", "#0E8AA0", "#C4622D", "#7A5BD0", "#8C7355")
_OWN_SYMBOLS = ("star", "hexagon", "pentagon", "triangle-down", "x", "bowtie", "hourglass")
MAX_KEY_LENGTH = 40  # characters in the key of a lab's own class

# Lower edges of the cumulative size bins, equivalent circular diameter in um (USP <1788> practice).
SIZE_BINS_UM = (2, 5, 10, 25)


def class_by_key(key: str) -> ParticleClass:
    """The class with this key, e.g. "air_bubble". A key that is not built in belongs to one of the lab's own classes.

    The name of an own class is derived from its key ("fat_droplet" is "Fat droplet"); its colour and symbol depend on
    the key alone, so that they are the same on every page. Raises KeyError for a text that is not a valid key.
    """
    for particle_class in (*CLASSES, *FURTHER_CLASSES):
        if particle_class.key == key:
            return particle_class
    if not is_valid_key(key):
        raise KeyError(
            f"{key!r} is not a particle class; use {', '.join(all_keys())}, or a key of your own such as fat_droplet"
        )
    name, number = key.replace("_", " "), zlib.crc32(key.encode())
    colour, symbol = _OWN_COLOURS[number % len(_OWN_COLOURS)], _OWN_SYMBOLS[number % len(_OWN_SYMBOLS)]
    return ParticleClass(key, name[:1].upper() + name[1:], colour, symbol, (name,))


def all_keys() -> tuple[str, ...]:
    """Keys of all built-in classes, FURTHER_CLASSES last."""
    return tuple(c.key for c in (*CLASSES, *FURTHER_CLASSES))


def sort_keys(keys: Iterable[str]) -> tuple[str, ...]:
    """These keys, each once: CLASSES in label order, then FURTHER_CLASSES, then own ones in alphabetical order."""
    order = {key: position for position, key in enumerate(all_keys())}
    return tuple(sorted(set(keys), key=lambda key: (order.get(key, len(order)), key)))


def is_valid_key(text: str) -> bool:
    """Whether this text is a valid class key: lower-case letters, digits and single "_" between them, at most 40."""
    return len(text) <= MAX_KEY_LENGTH and text == text.casefold() and bool(re.fullmatch(r"[^\W_]+(_[^\W_]+)*", text))


def key_from_name(name: str) -> str:
    """Key of the class with this name: "Oil droplets" is silicone_oil, "Fat droplets (7)" is fat_droplets_7.

    "" if the name contains no letter or digit.
    """
    particle_class = class_from_folder(name)
    if particle_class:
        return particle_class.key
    return "_".join(re.findall(r"[^\W_]+", name.casefold()))[:MAX_KEY_LENGTH].rstrip("_")


def class_from_folder(name: str) -> ParticleClass | None:
    """The built-in class that a folder is named after ("Silicone oil", "air-bubbles", "protein_1"), or None.

    For a lab's own classes see key_from_name.
    """
    plain = re.sub(r"[^a-z]+", " ", name.casefold()).strip()
    return next((c for c in (*CLASSES, *FURTHER_CLASSES) if plain in c.aliases), None)
