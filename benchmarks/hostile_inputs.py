"""Hand hostile archives, images, links, paths and forged histories to the lab, and watch its memory.

    python benchmarks/hostile_inputs.py [--only TEXT]

Every source is entered as a path on the page Classify, which runs in this process as it does in the server's; only what
lies below one folder may be read (SVP_DATA_ROOTS). Every history goes to `review-history import`, a process of its own.
Refused means: the page says so in a sentence, or which of its items cannot be used, and starts nothing; or the command
ends with one line, and no review is there afterwards. Nothing is raised.

Prints each input, what was said, and the most memory that the process had until then (a process that keeps the app has
met all sources in turn). Exit code 1 where something was not refused in a sentence, or took more than 1 GB.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

LIMIT_MB = 1024
SHOWN = 96  # characters of a sentence
IMPORT = """
import sys
from pathlib import Path
from svp_core.cli import main
status = main(["review-history", "import", sys.argv[1]])
print(Path("/proc/self/status").read_text())
sys.exit(status)
"""


@dataclass(frozen=True)
class Answer:
    """What became of one input."""

    name: str
    sentence: str
    memory_mb: int
    problem: str = ""  # "" where it was refused in a sentence


def main() -> int:
    """Hand in all inputs; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", default="", metavar="TEXT", help="inputs whose name holds this text")
    only: str = parser.parse_args().only
    answers = []
    with tempfile.TemporaryDirectory() as scratch:
        os.environ |= {"SVP_WORKSPACE": f"{scratch}/work", "SVP_DATA_ROOTS": f"{scratch}/data"}
        os.environ["STREAMLIT_LOGGER_LEVEL"] = "error"  # it warns that no server is there
        os.environ.pop("SVP_DATABASE_URL", None)
        os.environ.pop("SVP_SIGN_IN", None)
        for folder in ("work", "data"):
            (Path(scratch) / folder).mkdir()
        for title, kind in (("sources", enter_sources), ("histories", import_histories)):
            print(f"{title:<44} {'MB':>5}  said")
            for answer in kind(Path(scratch), only):
                wrong = answer.problem or ("too much memory" if answer.memory_mb > LIMIT_MB else "")
                said = " ".join(answer.sentence.replace("\\", "").split())[:SHOWN]  # without those of Markdown
                print(f"{answer.name:<44} {answer.memory_mb:>5}  {said}{f'  <- {wrong}' if wrong else ''}", flush=True)
                answers.append((title, answer, wrong))
    for title in ("sources", "histories"):
        own = [(answer, wrong) for kind, answer, wrong in answers if kind == title]
        if own:
            refused, most = sum(not wrong for _, wrong in own), max(answer.memory_mb for answer, _ in own)
            print(f"{title}: {len(own)} handed in, {refused} refused in a sentence, at most {most} MB")
    return 1 if any(wrong for *_, wrong in answers) else 0


def enter_sources(scratch: Path, only: str) -> Iterator[Answer]:
    """Each on the page Classify."""
    from tests.helpers.hostile_sources import HOSTILE

    yield enter("(a folder that does not exist)", f"{scratch}/data/none")
    for number, (name, make) in enumerate(HOSTILE.items()):
        if only in name:
            folder = scratch / "data" / str(number)
            folder.mkdir()
            yield enter(name, str(make(folder)))


def enter(name: str, path: str) -> Answer:
    """Enter a path on the page; what is drawn then."""
    from svp_core.workspace import jobs
    from tests.helpers.app_pages import open_page

    app = open_page("pages/classify.py")
    app.text_input(key="path_text").set_value(path)
    app.button(key="path_go").click().run()
    said = [str(element.value) for element in app.error]
    problem = "an exception" if app.exception else ""
    if not said and not problem:  # the card of a source, with what is wrong with its items
        said = [str(element.value) for element in app.warning]
        go = [button for button in app.button if button.key == "classify_go"]
        if go and go[0].disabled:
            said += [str(element.value) for element in app.caption]
        problem = "" if said else "not refused"
    if jobs.active():
        problem = "a job was started"
    return Answer(name, " ".join(said), peak_mb(Path("/proc/self/status").read_text()), problem)


def import_histories(scratch: Path, only: str) -> Iterator[Answer]:
    """Each by the command."""
    from svp_core.review.store import list_reviews
    from tests.helpers import forged_histories as forged

    makers: dict[str, Callable[[Path], Path]] = {
        **{name: partial(forged.forge, name) for name in forged.FORGED},
        **{name: partial(forged.forge_line, name) for name in forged.LINES},
        **forged.LARGE,
    }
    for name, make in makers.items():
        if only not in name:
            continue
        path = make(scratch / "history.jsonl")
        command = [sys.executable, "-c", IMPORT, str(path)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
        lines = done.stderr.strip().splitlines()
        problem = "" if done.returncode == 2 and len(lines) == 1 else f"exit status {done.returncode}"
        if list_reviews() or list_reviews(deleted=True):
            problem = "a review is there"
        yield Answer(name, lines[-1] if lines else "", peak_mb(done.stdout), problem)


def peak_mb(status: str) -> int:
    """Most memory that a process has had, from its /proc/PID/status."""
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return int(found[1]) // 1024 if found else LIMIT_MB + 1


if __name__ == "__main__":
    sys.exit(main())
