"""What a session has set for one classification: filter, selection and settings of its views, by name.

Each value lies in the session state under "<job id>_<name>"; a widget with that key writes it. Only this module makes
such keys.
"""

from typing import Any

import streamlit as st

from svp_core.classification.filters import Region


class _Value:
    """A named value of the session state; `default` until it is set."""

    def __init__(self, default: Any = None) -> None:
        self._default = default

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, state: "JobState", owner: type) -> Any:
        return st.session_state.get(state.key(self._name), self._default)

    def __set__(self, state: "JobState", value: Any) -> None:
        st.session_state[state.key(self._name)] = value


class JobState:
    """Session state of one classification."""

    # Filter: classes, runs, columns with a range, particles touching the border left out, region selected in a plot.
    labels = _Value(())
    runs = _Value(())
    ranges = _Value(())
    whole = _Value(False)
    region = _Value()
    # Selected particles (ascending positions), and how often something other than a gallery changed them.
    picks = _Value(())
    turn = _Value(0)
    # Order of galleries and table, columns of the table, axes of the scattergram.
    order = _Value()
    direction = _Value()
    columns = _Value()
    x = _Value()
    y = _Value()
    log = _Value(False)
    # Sample and report.
    volume = _Value()
    dilution = _Value()
    sample = _Value()
    lot = _Value()
    operator = _Value()
    title = _Value()
    date = _Value()
    remarks = _Value()
    cla_run = _Value()
    # Comparison: ids of the other classifications.
    beside = _Value(())

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id

    def key(self, name: str) -> str:
        """Key in the session state of one of the values above, for the widget that sets it."""
        if not isinstance(vars(JobState).get(name), _Value):
            raise AttributeError(f"JobState has no value {name!r}")
        return f"{self.job_id}_{name}"

    def set_default(self, name: str, value: Any) -> None:
        """Set a value that is not set yet, before its widget is drawn."""
        st.session_state.setdefault(self.key(name), value)

    def range_key(self, column: str, end: str) -> str:
        """Key of the number field of one end ("from" or "to") of a column's range."""
        return f"{self.job_id}_{column}_{end}"

    def page_key(self, view: str) -> str:
        """Key of the page number of a view."""
        return f"{view}_page_{self.job_id}"

    def set_range(self, column: str, low: float | None, high: float | None) -> None:
        """Filter by a range of a column; both ends None: no longer."""
        if column not in self.ranges:
            self.ranges = [*self.ranges, column]
        st.session_state[self.range_key(column, "from")] = low
        st.session_state[self.range_key(column, "to")] = high

    def clear_filter(self) -> None:
        """Let all particles through."""
        for column in self.ranges:
            self.set_range(column, None, None)
        self.labels, self.runs, self.whole, self.region = [], [], False, None

    def select(self, positions: Any, *, in_gallery: bool = False) -> None:
        """Select these particles. in_gallery: a gallery did it and shows it already."""
        self.picks = sorted(positions)
        if not in_gallery:
            self.turn += 1

    def set_region(self, region: Region | None) -> None:
        """Filter by a region of a plot; None: no longer."""
        self.region = region
