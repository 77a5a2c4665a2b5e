"""Histories of a review that were written by hand, with hashes that fit, but hold what no review does."""

import pandas as pd

from svp_core.review import store
from svp_core.review.current_labels import Decision
from svp_core.review.hash_chain import dump_plain, first_hash, next_hash
from svp_core.review.queue_file import content_hash


def parts():
    """(header, particles, decisions) of a valid history: a label, an undo of it, a second label."""
    names = ["p0", "p1"]
    header = {
        "format": store.FORMAT,
        "review": "0123456789ab",
        "name": "Forged",
        "kind": "folder",
        "source": {"path": "/lab"},
        "class_keys": ["protein", "air_bubble"],
        "model": "resnet18",
        "created": "2026-11-01T10:00:00.000+00:00",
        "particles": 2,
        "content": "",
    }
    row = dict.fromkeys(Decision._fields, "") | {"server_time": 1.5, "browser_time": None, "evidence": {}}
    row |= {"tab": "t", "particle": "p0", "kind": "label", "purpose": "queue", "reviewer": "Anna"}
    row |= {"from_label": "protein", "to_label": "air_bubble"}
    undo = {"kind": "undo", "undoes": "t/1", "from_label": "air_bubble", "to_label": "protein"}
    rows = [row | {"n": 1}, row | {"n": 2} | undo, row | {"n": 3}]
    return header, [{"particle": name, "given": "protein"} for name in names], rows


def write_history(path, header, particles, rows):
    """Write it with the hashes that belong to it."""
    if not header["content"]:
        header = header | {"content": content_hash(pd.DataFrame(particles, columns=["particle", "given"]))}
    last, lines = first_hash(header), [dump_plain(header), *map(dump_plain, particles)]
    for number, row in enumerate(rows, 1):
        row = {"number": number, **{name: value for name, value in row.items() if name != "number"}, "previous": last}
        row["hash"] = last = next_hash(last, row)
        lines.append(dump_plain(row))
    lines.append(dump_plain({"count": len(rows), "head": last}))
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return path


def nested(depth):
    content: list | str = "x"
    for _ in range(depth):
        content = [content]
    return {"a": content}


def header_with(**values):
    def change(header, particles, rows):
        return header | values, particles, rows

    return change


def row_with(index=0, **values):
    def change(header, particles, rows):
        rows[index] = rows[index] | values
        return header, particles, rows

    return change


def undo_each_other(header, particles, rows):
    first, second = rows[1] | {"n": 1, "undoes": "t/2"}, rows[1] | {"n": 2, "undoes": "t/1"}
    return header, particles, [first, second]


def with_particles(*lines):
    def change(header, particles, rows):
        return header | {"particles": len(lines)}, list(lines), rows

    return change


FORGED = {
    "a name that is a number": header_with(name=7),
    "an empty name": header_with(name="  "),
    "a source that is a list": header_with(source=[1]),
    "an unknown kind": header_with(kind="remote"),
    "classes that are a text": header_with(class_keys="protein"),
    "a class that is a list": header_with(class_keys=["protein", ["x"]]),
    "no classes": header_with(class_keys=[]),
    "a class called unsure": header_with(class_keys=["protein", "unsure"]),
    "a model that is a dict": header_with(model={}),
    "a date that is none": header_with(created="yesterday"),
    "a date that is a number": header_with(created=5),
    "a deep header": header_with(source=nested(400)),
    "two undos of each other": undo_each_other,
    "an undo of itself": row_with(1, undoes="t/2"),
    "an undo of a later decision": row_with(1, undoes="t/3"),
    "an undo of another particle": row_with(1, particle="p1"),
    "an undo that names nothing": row_with(1, undoes=""),
    "a label that names a decision to undo": row_with(2, undoes="t/1"),
    "two decisions of one id": row_with(2, n=1),
    "a number of a decision below 1": row_with(0, n=-5),
    "a number beyond the database's": row_with(2, n=2**70),
    "a particle that is not in the review": row_with(0, particle="p9"),
    "a kind that is unknown": row_with(0, kind="delete"),
    "a purpose that is unknown": row_with(0, purpose="x"),
    "a label of a thousand letters": row_with(0, to_label="x" * 1000),
    "a label that is empty": row_with(0, to_label=""),
    "a label that is not a class": row_with(0, to_label="unsure"),
    "unsure with a class": row_with(2, kind="unsure"),
    "a nameless reviewer": row_with(0, reviewer=" "),
    "a reviewer of a million letters": row_with(0, reviewer="x" * 1_000_000),
    "a time before 1970": row_with(0, server_time=-1.0),
    "a time beyond all calendars": row_with(0, browser_time=1e300),
    "deep evidence": row_with(0, evidence=nested(200)),
    "long evidence": row_with(0, evidence={"a": "x" * 100_000}),
    "half a surrogate": row_with(0, reason="\ud800"),
    "a NUL": row_with(0, reason="a\0b"),
    "a draw without particles": row_with(2, kind="draw", particle="", purpose="audit", to_label="", evidence={}),
    "a draw of numbers": row_with(
        2, kind="draw", particle="", purpose="audit", to_label="", evidence={"parts": [{"size": 1, "particles": [7]}]}
    ),
    "a particle twice": with_particles({"particle": "p0", "given": "a"}, {"particle": "p0", "given": "a"}),
    "a particle that is a number": with_particles({"particle": "p0", "given": "a"}, {"particle": 5, "given": "a"}),
    "a given label that is null": with_particles({"particle": "p0", "given": None}),
    "a particle without a name": with_particles({"particle": "p0", "given": "a"}, {"particle": "", "given": "a"}),
}


def forge(name, path):
    """Write the forged history of this name; returns the path."""
    header, particles, rows = FORGED[name](*parts())
    try:
        return write_history(path, header, particles, rows)
    except UnicodeEncodeError:  # JSON names half a surrogate by its number; UTF-8 has none
        write_history(path, header, particles, [row | {"reason": "SURROGATE"} for row in rows])
        path.write_text(path.read_text("utf-8").replace("SURROGATE", "\\ud800"), "utf-8")
        return path


# In the place of the first decision.
LINES = {
    "100,000 brackets": "[" * 100_000,
    "5,000 objects in each other": '{"a":' * 5_000 + "1" + "}" * 5_000,
    "a number without a name": "1e999",
    "a number that is infinite": '{"n": 1e999}',
    "a line of NUL": "\x00",
}


def forge_line(name, path):
    """Write a valid history with one of these lines in it; returns the path."""
    lines = write_history(path, *parts()).read_text("utf-8").splitlines()
    path.write_text("".join(f"{text}\n" for text in [*lines[:3], LINES[name], *lines[4:]]), "utf-8")
    return path


MEGABYTE = 1024**2
LARGE_MB = 250  # just less than is read


def large(block, repeated="", *, megabytes=LARGE_MB):
    """write(path): a valid header and then this text until the file has so many megabytes."""

    def write(path):
        header, _, _ = parts()
        with path.open("w", encoding="utf-8") as file:
            file.write(dump_plain(header | {"content": "0" * 64, "particles": 10**6}) + "\n" + block)
            part = repeated * (MEGABYTE // len(repeated))
            for _ in range(megabytes):
                file.write(part)
        return path

    return write


def many_particles(path):
    """Eight million particles, all with names of their own."""
    header, _, _ = parts()
    with path.open("w", encoding="utf-8") as file:
        file.write(dump_plain(header | {"content": "0" * 64, "particles": 10**6}) + "\n")
        for start in range(0, 8_000_000, 10_000):
            file.writelines(f'{{"given":"","particle":"{k:x}"}}\n' for k in range(start, start + 10_000))
    return path


def long_evidence(path):
    """30,000 decisions whose evidence is 2,600 empty objects each; the last one names no particle of the review."""
    header, particles, rows = parts()
    evidence = {"a": [{}] * 2_600}
    rows = [rows[0] | {"n": n, "evidence": evidence} for n in range(1, 30_001)]
    rows[-1] |= {"particle": "p9"}
    return write_history(path, header, particles, rows)


LARGE = {
    "80 million empty objects": large("", "{}\n"),
    "one line of 250 MB": large('{"particle":"', "p"),
    "lists of empty objects": large("", '{"a":[' + "{}," * 300_000 + "{}]}\n"),
    "8 million particles": many_particles,
    "30,000 decisions with 2,600 objects each": long_evidence,
    "a file of 300 MB": large("", "{}\n", megabytes=300),
}
