"""YOLO, COCO, Label Studio: exact round trips, read by pycocotools; what is wrong is a sentence, the rest is read."""

import json

import numpy as np
import pytest
from pycocotools.coco import COCO

from svp_core.errors import LabError
from svp_core.frames.box_export import write_coco, write_label_studio, write_yolo
from svp_core.frames.box_import import read_annotations
from svp_core.frames.box_record import FrameBox

SHAPES = {"frame_1.png": (964, 1292), "sub/frame_2.png": (3000, 4096), "stack.tif#3": (480, 640)}
KNOWN = {"protein", "air_bubble"}


def random_frames(seed=0, per_frame=60):
    rng, frames = np.random.default_rng(seed), {}
    for frame, (height, width) in SHAPES.items():
        boxes = []
        for k in range(per_frame):
            top, left = int(rng.integers(0, height - 1)), int(rng.integers(0, width - 1))
            bottom, right = int(rng.integers(top + 1, height + 1)), int(rng.integers(left + 1, width + 1))
            score = round(float(rng.random()), 6) if k % 2 else None
            boxes.append(FrameBox(f"i{k + 1}", (top, left, bottom, right), ["protein", "air_bubble", ""][k % 3], score))
        frames[frame] = boxes
    frames["stack.tif#3"] = []
    return frames


def as_files(texts):
    return {name: text.encode() for name, text in texts.items()}


def test_yolo_and_coco_come_back_exactly_empty_frames_and_scores_included():
    frames = random_frames()
    yolo = read_annotations(as_files(write_yolo(frames, SHAPES)), SHAPES, KNOWN)
    coco = read_annotations({"a.json": json.dumps(write_coco(frames, SHAPES)).encode()}, SHAPES, KNOWN)
    assert (yolo.source, yolo.faults, yolo.unknown) == ("YOLO", [], {})
    assert (coco.source, coco.faults, coco.unknown) == ("COCO", [], {})
    assert yolo.boxes == frames
    assert coco.boxes == frames


def test_coco_is_opened_by_pycocotools_with_the_same_boxes(tmp_path):
    frames = random_frames(1)
    (tmp_path / "coco.json").write_text(json.dumps(write_coco(frames, SHAPES)))
    coco = COCO(str(tmp_path / "coco.json"))
    names = {one["id"]: one["name"] for one in coco.loadCats(coco.getCatIds())}
    for image in coco.loadImgs(coco.getImgIds()):
        assert (image["height"], image["width"]) == SHAPES[image["file_name"]]
        read = [
            (one["bbox"], one["area"], names[one["category_id"]]) for one in coco.loadAnns(coco.getAnnIds(image["id"]))
        ]
        assert read == [
            ([box.box[1], box.box[0], box.box[3] - box.box[1], box.box[2] - box.box[0]],
             (box.box[3] - box.box[1]) * (box.box[2] - box.box[0]), box.label or "particle")
            for box in frames[image["file_name"]]
        ]  # fmt: skip


def test_the_conventions_of_each_format():
    frames = {"frame_1.png": [FrameBox("p1", (100, 200, 150, 300), "protein", 0.5)]}
    files = write_yolo(frames, SHAPES)
    assert (
        files["labels/frame_1.txt"] == f"0 {250 / 1292:.6f} {125 / 964:.6f} {100 / 1292:.6f} {50 / 964:.6f} 0.500000\n"
    )
    assert write_coco(frames, SHAPES)["annotations"][0]["bbox"] == [200, 100, 100, 50]
    (task,) = write_label_studio(frames, SHAPES, image_root="/data/")
    (result,) = task["predictions"][0]["result"]
    assert task["data"]["image"] == "/data/frame_1.png"
    assert (result["original_width"], result["original_height"]) == (1292, 964)
    value = result["value"]
    assert value["rectanglelabels"] == ["protein"]
    assert [round(value["x"] * 12.92), round(value["y"] * 9.64), round(value["width"] * 12.92)] == [200, 100, 100]
    assert value["x"] == pytest.approx(100 * 200 / 1292)


@pytest.mark.parametrize(
    "names",
    [
        b"names: ['air_bubble', protein]\n",
        b"train: x\nnames:\n  0: air_bubble\n  1: 'protein'\nnc: 2\n",
        b"names: {0: air_bubble, 1: 'protein'}\n",
        b"names:\n- air_bubble\n- protein\n",
        b"air_bubble\nprotein\n",
    ],
    ids=["inline", "map", "inline map", "list", "obj.names"],
)
def test_names_of_yolo_classes_in_every_common_form(names):
    name = "data.yaml" if b"names" in names else "obj.names"
    read = read_annotations({name: names, "x/frame_1.txt": b"1 0.5 0.5 0.1 0.1\n"}, SHAPES, KNOWN)
    assert read.boxes["frame_1.png"][0].label == "protein"
    assert read.boxes["frame_1.png"][0].box == (434, 581, 530, 711)


def test_what_is_wrong_in_yolo_files_is_a_sentence_and_the_rest_is_read():
    lines = [b"0 0.5 0.5 0.1 0.1", b"0 0.99 0.5 0.1 0.1", b"7 0.5 0.5 0.1 0.1", b"1 0.5 0.5 0.1 0.1", b"a b"]
    lines += [b"0 0.5 0.5 0.1", b"0 .1 .1 .2 .1 .2 .2 .1 .2", b"0 nan 0.5 0.1 0.1", b"0 0.5 0.5 0 0.1"]
    read = read_annotations(
        {"obj.names": b"protein\nblob\n", "frame_1.txt": b"\n".join(lines), "frame_9.txt": lines[0]}, SHAPES, KNOWN
    )
    assert len(read.boxes["frame_1.png"]) == 2
    assert read.unknown == {"blob": 1}
    for words in (
        "beyond the frame",
        "class 7 has no name",
        "numbers",
        "oriented",
        "not finite",
        "empty",
        "no frame with",
    ):
        assert any(words in fault for fault in read.faults), words
    assert len(read.faults) == 8


def test_what_is_wrong_in_a_coco_file_is_a_sentence_and_the_rest_is_read():
    document = write_coco({"frame_1.png": [FrameBox("p", (1, 2, 11, 22), "blob")]}, SHAPES)
    document["images"] += [
        {"id": 2, "file_name": "lost.png", "width": 9, "height": 9},
        {"id": 3, "file_name": "frames/frame_2.png", "width": 640, "height": 480},
    ]
    good = document["annotations"][0]
    document["annotations"] += [
        {**good, "id": 2, "bbox": [1290, 0, 20, 5]},
        {**good, "id": 3, "image_id": 2},
        {**good, "id": 4, "image_id": 9},
        {**good, "id": 5, "category_id": 9},
        {**good, "id": 6, "bbox": [1, 2, 3]},
        {**good, "id": 7, "image_id": []},
    ]
    read = read_annotations({"a.json": json.dumps(document).encode()}, SHAPES, KNOWN)
    assert read.boxes == {"frame_1.png": [FrameBox("i1", (1, 2, 11, 22), "blob")]}
    assert read.unknown == {"blob": 1}
    for words in ("beyond", "lost.png", "640 x 480", "image 9", "no image, category"):
        assert any(words in fault for fault in read.faults), words


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"a.png": b""}, "neither COCO"),
        ({"a.json": b"[]"}, "not a COCO file"),
        ({"a.json": b"{"}, "not a COCO file"),
        ({"a.json": b"[" * 100_000}, "not a COCO file"),
        ({"a.json": b'{"images": [], "categories": [], "annotations": null}'}, "not a COCO file"),
        ({"a.json": b"{}", "b.json": b"{}"}, "2 JSON files"),
    ],
)
def test_files_of_other_formats_are_a_sentence(files, words):
    with pytest.raises(LabError, match=words):
        read_annotations(files, SHAPES, KNOWN)


def test_frames_that_yolo_cannot_tell_apart_are_refused():
    with pytest.raises(LabError, match="same name"):
        write_yolo({"a.png": [], "a.tif": []}, {"a.png": (9, 9), "a.tif": (9, 9)})
