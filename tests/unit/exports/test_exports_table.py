"""Selected rows of results.csv as a file."""

import csv
import json

import numpy as np
import pytest

from svp_core.exports.results_subset import export_results_csv

HEAD = "image,label,confidence,p_protein,p_silicone_oil,run,status,reason"
ROWS = (
    "a.png,protein,0.9000,0.9000,0.1000,r,ok,",
    '"b, ""odd""\nname.png",silicone_oil,0.6000,0.4000,0.6000,r,ok,',
    "c.png,,,,,r,rejected,it is empty",
    "d.png,protein,0.7000,0.7000,0.3000,r,ok,",
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "results.csv").write_text("\n".join([HEAD, *ROWS, ""]), "utf-8")
    (tmp_path / "summary.json").write_text(json.dumps({"title": "t", "runs": []}))
    np.save(tmp_path / "tiles.npy", np.zeros((3, 64, 64), np.uint8))
    return tmp_path


def rows_of(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def test_every_row_has_its_assigned_class(folder):
    export_results_csv(folder, folder / "out.csv", ["protein", "unsure", "protein"])
    head, *rows = rows_of(folder / "out.csv")
    assert head == HEAD.replace("label", "label,called").split(",")
    assert [row[2] for row in rows] == ["protein", "unsure", "", "protein"]
    assert rows[1][0] == 'b, "odd"\nname.png'
    assert rows[1][3] == "0.6000"
    assert rows[2][-1] == "it is empty"


def test_selected_rows_keep_the_order_of_the_table(folder):
    export_results_csv(folder, folder / "out.csv", ["protein", "unsure", "silicone_oil"], rows=[3, 1])
    assert [row[2] for row in rows_of(folder / "out.csv")[1:]] == ["unsure", "silicone_oil"]


def test_one_label_per_classified_particle_is_needed(folder):
    with pytest.raises(ValueError, match="3 classified particles need as many labels; got 2"):
        export_results_csv(folder, folder / "out.csv", ["protein", "unsure"])
