"""The vocabulary: which kinds of particle there are, what they are called, how they are drawn, how they are binned."""

import re
import zlib
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

# How a lab's own classes are drawn; at least 3:1 on both backgrounds, apart from the colours above.
_OWN_COLOURS = ("#B5476B", "#5F7F1E", "#0E8AA0", "#C4622D", "#7A5BD0", "#8C7355")
_OWN_SYMBOLS = ("star", "hexagon", "pentagon", "triangle-down", "x", "bowtie", "hourglass")
MAX_KEY_LENGTH = 40  # letters of an own class's key

# Lower edges of the cumulative size bins, equivalent circular diameter in um (USP <1788> practice).
SIZE_BINS_UM = (2, 5, 10, 25)


def class_by_key(key):
    """The class with this key, e.g. "air_bubble". A key the product does not know is one of the lab's own classes.

    An own class is called by its key's words ("fat_droplet" is "Fat droplet"); its colour and marker follow from the
    key alone, so that they are the same on every page. Raises KeyError for a text that cannot be a key.
    """
    for particle_class in (*CLASSES, *FOREIGN):
        if particle_class.key == key:
            return particle_class
    if not is_valid_key(key):
        raise KeyError(f"{key!r} is no particle class; known are {', '.join(all_keys())}, or own ones like fat_droplet")
    words, number = key.replace("_", " "), zlib.crc32(key.encode())
    colour, symbol = _OWN_COLOURS[number % len(_OWN_COLOURS)], _OWN_SYMBOLS[number % len(_OWN_SYMBOLS)]
    return ParticleClass(key, words[:1].upper() + words[1:], colour, symbol, (words,))


def all_keys():
    """Keys of every class the product knows, foreign kinds last."""
    return tuple(c.key for c in (*CLASSES, *FOREIGN))


def sort_keys(keys):
    """These keys, each once: the product's classes in label order, then foreign kinds, then own ones by alphabet."""
    known = {key: place for place, key in enumerate(all_keys())}
    return tuple(sorted(set(keys), key=lambda key: (known.get(key, len(known)), key)))


def is_valid_key(text):
    """Whether this text can be a class's key: letters, digits and single "_" between them, at most 40, lower case."""
    return len(text) <= MAX_KEY_LENGTH and text == text.casefold() and bool(re.fullmatch(r"[^\W_]+(_[^\W_]+)*", text))


def key_from_name(name):
    """The key of the class that somebody calls so: "Oil droplets" is silicone_oil, "Fat droplets (7)" fat_droplets_7.

    "" where the name has no letter or digit.
    """
    known = class_from_folder(name)
    if known:
        return known.key
    return "_".join(re.findall(r"[^\W_]+", name.casefold()))[:MAX_KEY_LENGTH].rstrip("_")


def class_from_folder(name):
    """The class of the product that a folder of this name holds ("Silicone oil", "air-bubbles", "protein_1"), or None.

    For own classes see key_from_name.
    """
    plain = re.sub(r"[^a-z]+", " ", name.casefold()).strip()
    return next((c for c in (*CLASSES, *FOREIGN) if plain in c.aliases), None)
