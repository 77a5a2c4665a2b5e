"""A report, written and read as a page: its text, tables, pictures and attributes."""

import json
import re
from html.parser import HTMLParser

from svp_core.report import write_report

VOID = {"meta", "img", "br"}


SETTINGS = {"date": "2025-04-09", "author": "R. Person", "title": "Syringe 7"}


class ReportPage(HTMLParser):
    """A page taken apart: text, tables as lists of rows, attributes; and whether every element is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tables, self.captions, self.words, self.attributes, self.names = [], [], [], [], [], set()
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, name, attributes):
        self.names.add(name)
        self.attributes += attributes
        if name == "table":
            self.tables.append([])
            self.captions.append("")
        elif name == "tr":
            self.tables[-1].append([])
        elif name in ("td", "th"):
            self.tables[-1][-1].append("")
        if name not in VOID:
            self.open.append(name)

    def handle_endtag(self, name):
        assert self.open.pop() == name

    def handle_data(self, data):
        if "style" in self.open:
            return
        if {"td", "th"} & set(self.open):
            self.tables[-1][-1][-1] += data
        elif "caption" in self.open:
            self.captions[-1] += data
        self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))

    def rows(self, caption):
        """Cells of the table whose caption begins so, without its head."""
        at = next(at for at, words in enumerate(self.captions) if words.startswith(caption))
        return [[" ".join(cell.split()) for cell in row] for row in self.tables[at][1:]]


def written_report(job, **settings):
    """HTML of the report of this job."""
    out = job.parent / "report.html"
    write_report(job, out, settings={**SETTINGS, **settings})
    return out.read_text("utf-8")


def without_reference(job):
    """Have the job's model gone, so that nothing is corrected."""
    change_summary(job, weights="gone")


def change_summary(job, **summary):
    """Write other values into summary.json."""
    path = job / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | summary), "utf-8")
