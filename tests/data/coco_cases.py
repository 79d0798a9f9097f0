"""Random detection problems and what pycocotools says of them: python3 coco_cases.py OUT.json [CASES] [SEED].

Each case tries to hit a corner: ties of scores and overlaps, crowds, ignored objects, areas on the borders of the ranges, more than
100 detections, images and categories without truth or detections, ids from 0. Needs pycocotools and NumPy.
"""
import contextlib
import io
import json
import random
import sys

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

STATS = ("AP", "AP50", "AP75", "APsmall", "APmedium", "APlarge",
         "AR1", "AR10", "AR100", "ARsmall", "ARmedium", "ARlarge")


class IgnoringEval(COCOeval):
    """COCOeval overwrites the flag 'ignore' by 'iscrowd'; this keeps both."""

    def _prepare(self):
        flags = {annotation["id"]: annotation.get("ignore", 0) for annotation in self.cocoGt.dataset["annotations"]}
        super()._prepare()
        for annotations in self._gts.values():
            for annotation in annotations:
                annotation["ignore"] = annotation["ignore"] or flags[annotation["id"]]


def random_box(rng, grid):
    side = rng.choice([1, 3, 8, 20])
    width, height = (grid * rng.randint(1, 4) * side for _ in range(2))
    return [round(grid * rng.randint(0, 60), 2), round(grid * rng.randint(0, 60), 2), round(width, 2), round(height, 2)]


def shifted(rng, box, grid):
    x, y, width, height = box
    return [round(x + grid * rng.randint(-2, 2), 2), round(y + grid * rng.randint(-2, 2), 2),
            round(max(grid, width + grid * rng.randint(-2, 2)), 2), round(max(grid, height + grid * rng.randint(-2, 2)), 2)]


def make_case(rng, small):
    grid = rng.choice([1, 2, 3.7])
    images = rng.sample(range(1, 1000), rng.randint(1, 4 if small else 12))
    categories = rng.sample(range(1, 90), rng.randint(1, 3 if small else 5))
    first_id = rng.choice([0, 1, 1, 500])
    crowds, ignored = rng.choice([0, 0.2]), rng.choice([0, 0.2])
    annotations, detections = [], []
    for image in images:
        for category in categories:
            if rng.random() < 0.25:
                continue
            truths = [random_box(rng, grid) for _ in range(rng.randint(0, 4 if small else 12))]
            for box in truths:
                area = rng.choice([box[2] * box[3], box[2] * box[3] * 0.6, 1024, 9216, 1023.5])
                annotations.append({"id": first_id + len(annotations), "image_id": image, "category_id": category,
                                    "bbox": box, "area": round(area, 3), "iscrowd": int(rng.random() < crowds),
                                    "ignore": int(rng.random() < ignored)})
            if rng.random() < 0.15:
                continue
            many = not small and rng.random() < 0.05
            for _ in range(rng.randint(101, 130) if many else rng.randint(0, 6 if small else 20)):
                box = shifted(rng, rng.choice(truths), grid) if truths and rng.random() < 0.7 else random_box(rng, grid)
                detections.append({"image_id": image, "category_id": rng.choice([category] * 20 + [99]), "bbox": box,
                                   "score": rng.choice([round(rng.random(), 1), round(rng.random(), 3)])})
    rng.shuffle(detections)
    if rng.random() < 0.05:
        detections = []
    return {"truth": {"images": [{"id": image} for image in images],
                      "categories": [{"id": category, "name": f"c{category}"} for category in categories],
                      "annotations": annotations},
            "detections": detections, "with_ignore": ignored > 0 and rng.random() < 0.5}


def mean(values):
    values = values[values > -1]
    return float(np.mean(values)) if values.size else -1.0


def expected(case):
    truth = COCO()
    truth.dataset = json.loads(json.dumps(case["truth"]))
    truth.createIndex()
    if case["detections"]:
        found = truth.loadRes(json.loads(json.dumps(case["detections"])))
    else:
        found = COCO()
        found.dataset = {**truth.dataset, "annotations": []}
        found.createIndex()
    evaluation = (IgnoringEval if case["with_ignore"] else COCOeval)(truth, found, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    precision, recall, scores = (evaluation.eval[key] for key in ("precision", "recall", "scores"))
    per_class = [{"id": int(category), "AP": mean(precision[:, :, k, 0, 2]), "AP50": mean(precision[0, :, k, 0, 2]),
                  "AR100": mean(recall[:, k, 0, 2]), "precision50": precision[0, ::10, k, 0, 2].tolist(),
                  "score50": scores[0, ::10, k, 0, 2].tolist()}
                 for k, category in enumerate(evaluation.params.catIds)]
    return {"stats": dict(zip(STATS, map(float, evaluation.stats))), "per_class": per_class}


def main(out, count="60", seed="1"):
    rng = random.Random(int(seed))
    cases = []
    with contextlib.redirect_stdout(io.StringIO()):
        for _ in range(int(count)):
            case = make_case(rng, small=int(count) < 20)
            cases.append({**case, "expected": expected(case)})
    with open(out, "w", encoding="utf-8") as file:
        json.dump(cases, file, separators=(",", ":"))


if __name__ == "__main__":
    main(*sys.argv[1:])
