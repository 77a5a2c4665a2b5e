"""The design of an experiment: its arms, networks, seeds and amounts, and the presets.

An arm is written as SOURCES:DOSE@REAL/WHERE, every part but the first optional:

    real                      only the real tiles
    weights, oversampling     the same, minority classes weighted or repeated up to the largest class
    classical:500             500 tiles of classical augmentation added to each minority class
    fine_tuned+classical:500  a mixture, half of each
    shipped:500@100           with only 100 real tiles of each minority class; @0: synthetic ones alone
    shipped:500/size          only where the classifier is weak: of the sizes, or between the classes (/confusion)
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from svp_core.errors import LabError

CLASSICAL, DIFFUSION, FINE_TUNED, SHIPPED, SIMULATOR = SOURCES = (
    "classical",
    "diffusion",
    "fine_tuned",
    "shipped",
    "simulator",
)
PLAIN, WEIGHTS, OVERSAMPLING = BALANCES = ("real", "weights", "oversampling")
SIZE, CONFUSION = "size", "confusion"
FOREST, LOGISTIC = FEATURE_NETWORKS = ("forest", "logistic")
NETWORKS = ("resnet18", "resnet50", *FEATURE_NETWORKS)
SOURCE_TITLES = {
    CLASSICAL: "classical augmentation",
    DIFFUSION: "diffusion from scratch",
    FINE_TUNED: "fine-tuned diffusion",
    SHIPPED: "shipped generator",
    SIMULATOR: "simulator",
}
BALANCE_TITLES = {PLAIN: "real only", WEIGHTS: "class weights", OVERSAMPLING: "oversampling"}
NETWORK_TITLES = {
    "resnet18": "ResNet-18",
    "resnet50": "ResNet-50",
    FOREST: "random forest",
    LOGISTIC: "logistic regression",
}
MAX_DOSE, MAX_SEEDS, MAX_ARMS = 20_000, 20, 40
MIN_SEEDS = 3
RANGES = {  # of a design's numbers
    "seeds": (MIN_SEEDS, MAX_SEEDS),
    "steps": (1, 1_000_000),
    "batch": (1, 4096),
    "trees": (1, 10_000),
    "generator_images": (1, 100_000_000),
    "most": (1, 1_000_000),
    "most_minority": (1, 1_000_000),
}
MINORITY_SHARE = 0.5  # a class with fewer particles than this share of the largest one is a minority class
PRACTICE = {"protein": 500_000.0, "silicone_oil": 500.0, "air_bubble": 500.0}  # evaluation of arXiv 2508.06021
_ARM = re.compile(r"(?P<sources>[a-z_+]+)(:(?P<dose>\d+))?(@(?P<real>\d+))?(/(?P<where>[a-z]+))?")


@dataclass(frozen=True)
class Arm:
    """One way to make the training tiles."""

    sources: tuple[str, ...] = ()  # of SOURCES, in equal parts
    dose: int = 0  # tiles added to each minority class
    balance: str = PLAIN  # one of BALANCES
    real: int | None = None  # real tiles of each minority class; None: all of the training fold
    where: str = ""  # SIZE or CONFUSION: added only where the classifier is weak

    @property
    def key(self) -> str:
        """The arm as text, as parse_arm reads it."""
        text = f"{'+'.join(self.sources)}:{self.dose}" if self.sources else self.balance
        text += "" if self.real is None else f"@{self.real}"
        return text + (f"/{self.where}" if self.where else "")

    @property
    def title(self) -> str:
        """The arm in words."""
        words = " + ".join(SOURCE_TITLES[source] for source in self.sources) or BALANCE_TITLES[self.balance]
        parts = [f"{words}, {self.dose:,}" if self.sources else words]
        if self.real is not None:
            parts.append(f"{self.real:,} real" if self.real else "none real")
        if self.where:
            parts.append("weak sizes only" if self.where == SIZE else "confused particles only")
        return ", ".join(parts)


def parse_arm(text: str) -> Arm:
    """The arm that a text describes. Raises LabError for one that does not exist."""
    match = _ARM.fullmatch(text.strip())
    known = ", ".join((*BALANCES, *SOURCES))
    if not match:
        raise LabError(f"{text[:60]!r} is not an arm; write for example real, weights or classical:500 (of {known}).")
    names, where = tuple(match["sources"].split("+")), match["where"] or ""
    real = None if match["real"] is None else int(match["real"])
    if where not in ("", SIZE, CONFUSION):
        raise LabError(f"The arm {text[:60]!r} ends in /{where}; use /{SIZE} or /{CONFUSION}.")
    if where and real == 0:
        raise LabError(f"The arm {text[:60]!r} has no real tiles that show where the classifier is weak; leave out @0.")
    if names[0] in BALANCES and len(names) == 1:
        if match["dose"] or where:
            raise LabError(f"The arm {text[:60]!r} adds nothing, so it takes no dose and no /{SIZE} or /{CONFUSION}.")
        return Arm(balance=names[0], real=real)
    if unknown := [name for name in names if name not in SOURCES]:
        raise LabError(f"The arm {text[:60]!r} names {unknown[0]!r}, which is none of {known}.")
    dose = int(match["dose"] or 0)
    if not 1 <= dose <= MAX_DOSE or len(set(names)) < len(names):
        raise LabError(f"The arm {text[:60]!r} needs a dose of 1 to {MAX_DOSE:,} of different sources: {names[0]}:500.")
    return Arm(names, dose, real=real, where=where)


@dataclass(frozen=True)
class Design:
    """What is compared with what."""

    arms: tuple[str, ...] = ("real", "weights", "classical:500", "shipped:500")
    networks: tuple[str, ...] = ("resnet18",)
    seeds: int = 3  # each with a split and a training of its own
    baseline: str = "weights"  # arm that the others are compared with
    minority: tuple[str, ...] = ()  # class keys; (): those with less than half of the largest class's particles
    most: int | None = None  # particles of a class that take part, at most; None: all
    most_minority: int | None = None
    steps: int = 300  # optimisation steps of a ResNet, the same for every arm
    batch: int = 64
    trees: int = 300
    generator_images: int = 20_000  # shown to a generator trained within a fold, repeats counted
    feature_map: bool = False  # also a map of real and added particles, and their distances
    prevalence: Mapping[str, float] = field(default_factory=dict)  # stated one; {}: see stated_prevalence

    def parsed(self) -> list[Arm]:
        """The arms, in order."""
        return [parse_arm(text) for text in self.arms]

    def check(self) -> None:
        """Raise LabError for a design that cannot be carried out, as far as it shows without data."""
        arms = [arm.key for arm in self.parsed()]
        if len(set(arms)) < len(arms) or not 2 <= len(arms) <= MAX_ARMS:
            raise LabError(f"An experiment compares 2 to {MAX_ARMS} different arms; got {len(set(arms))}.")
        if parse_arm(self.baseline).key not in arms:
            raise LabError(f"The baseline {self.baseline!r} is not one of the arms; add it, or choose one of them.")
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if value is None and name in ("most", "most_minority"):
                continue
            if not isinstance(value, int) or not low <= value <= high:
                what = name.replace("_", " ")
                raise LabError(f"{value!r} {what} cannot be used; give a whole number from {low:,} to {high:,}.")
        if unknown := [name for name in self.networks if name not in NETWORKS]:
            raise LabError(f"There is no network {unknown[0]!r}; use {', '.join(NETWORKS)}.")
        if not self.networks:
            raise LabError(f"No network is chosen; use {', '.join(NETWORKS)}.")
        if any(not 0 <= share < float("inf") for share in self.prevalence.values()):
            raise LabError("A stated prevalence needs numbers of particles of 0 or more.")
        if self.prevalence and not any(self.prevalence.values()):
            raise LabError("The stated mixture has no particle of any class; give a number above 0 for at least one.")

    def baseline_of(self, arm: Arm) -> Arm | None:
        """The arm that this one is compared with: the baseline with as many real tiles, where it takes part.

        None for the baseline itself.
        """
        baseline = parse_arm(self.baseline)
        alike = replace(baseline, real=arm.real)
        if alike != arm and alike in self.parsed():
            return alike
        return None if arm == baseline else baseline

    def needs(self, source: str, real: int | None) -> int:
        """Tiles a class to make with this source and this many real tiles; 0 where no arm adds any."""
        doses = [
            (2 if arm.where else 1) * -(-arm.dose // len(arm.sources))
            for arm in self.parsed()
            if source in arm.sources and self.pool_real(arm, source) == real
        ]
        return max(doses, default=0)

    def pool_real(self, arm: Arm, source: str) -> int | None:
        """Real tiles that a source may learn from in this arm; None where that is all, or does not matter."""
        return (arm.real or None) if source in (CLASSICAL, DIFFUSION, FINE_TUNED) else None


PRESETS: dict[str, Design] = {
    "quick": Design(
        arms=("real", "weights", "classical:400", "fine_tuned:400"),
        most=1000,
        most_minority=200,
        generator_images=3_000,
    ),
    "as-published": Design(
        arms=(
            *BALANCES,
            *(f"{source}:{dose}" for source in (CLASSICAL, DIFFUSION, FINE_TUNED) for dose in (500, 1000, 5000)),
            "shipped:1000",
            "simulator:1000",
            "classical+fine_tuned:1000",
        ),
        networks=("resnet18", "resnet50"),
        seeds=5,
        most_minority=1000,
        steps=3000,
        generator_images=300_000,
    ),
    "feature-forest": Design(
        arms=(*BALANCES, "classical:500", "shipped:500", "simulator:500", "shipped:500@0", "classical+shipped:500"),
        networks=FEATURE_NETWORKS,
        seeds=5,
        feature_map=True,
    ),
}


def find_preset(name: str) -> Design:
    """The preset of this name. Raises LabError for an unknown one."""
    if name not in PRESETS:
        raise LabError(f"There is no preset {name!r}; use {', '.join(PRESETS)}.")
    return PRESETS[name]


def with_minority(design: Design, counts: Mapping[str, int]) -> Design:
    """The design with its minority classes named. counts: class key -> particles. Raises LabError for unknown ones."""
    if unknown := [key for key in design.minority if key not in counts]:
        raise LabError(f"There are no particles of {unknown[0]}; minority classes are among {', '.join(counts)}.")
    largest = max(counts.values(), default=0)
    few = tuple(key for key, count in counts.items() if count < MINORITY_SHARE * largest)
    others = tuple(key for key in counts if key != max(counts, key=lambda key: counts[key]))
    return replace(design, minority=design.minority or few or others)


def stated_prevalence(design: Design, class_keys: Sequence[str], minority: Sequence[str]) -> dict[str, float]:
    """Particles a class of the stated mixture: the design's, else 500,000 of each majority class to 500 of the rest."""
    if design.prevalence:
        if unknown := sorted(set(design.prevalence) - set(class_keys)):
            raise LabError(f"The stated prevalence names {unknown[0]!r}, which is none of {', '.join(class_keys)}.")
        return {key: float(design.prevalence.get(key, 0.0)) for key in class_keys}
    if set(class_keys) == set(PRACTICE):
        return {key: PRACTICE[key] for key in class_keys}
    return {key: 500.0 if key in minority else 500_000.0 for key in class_keys}
