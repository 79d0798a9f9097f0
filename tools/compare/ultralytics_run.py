"""One Ultralytics process of detection.py: times its loader, or trains YOLOv8n from scratch and writes what it finds as COCO results."""
import argparse
import json
import os
import pathlib
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task", choices=["loader", "train"])
    for name in ("--data", "--json", "--truth", "--boxes", "--out"):
        parser.add_argument(name, type=pathlib.Path)
    for name in ("--size", "--batch", "--threads", "--workers", "--epochs", "--seed"):
        parser.add_argument(name, type=int, default=0)
    parser.add_argument("--hours", type=float)
    return parser.parse_args()


def shared_memory():
    """Bytes of this process and its children, what they share counted once."""
    me = os.getpid()
    children = [pid for thread in os.listdir(f"/proc/{me}/task")
                for pid in pathlib.Path(f"/proc/{me}/task/{thread}/children").read_text().split()]
    total = 0
    for pid in [me, *children]:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += 1024 * int(line.split()[1])
    return total


def time_loader(given):
    from ultralytics.cfg import get_cfg
    from ultralytics.data.build import build_dataloader, build_yolo_dataset
    from ultralytics.data.utils import check_det_dataset
    settings = get_cfg(overrides={"imgsz": given.size, "batch": given.batch, "workers": given.workers, "cache": False})
    data = check_det_dataset(str(given.data))
    pictures = build_yolo_dataset(settings, data["train"], given.batch, data, mode="train", rect=False, stride=32)
    loader = build_dataloader(pictures, given.batch, given.workers, shuffle=True)
    epochs = []
    for _ in range(given.epochs):
        began, seen = time.perf_counter(), 0
        for batch in loader:
            seen += len(batch["img"])
        epochs.append({"pictures_per_second": seen / (time.perf_counter() - began), "pss_bytes": shared_memory()})
    return {"per_epoch": epochs}


def train(given):
    from ultralytics import YOLO
    model = YOLO("yolov8n.yaml")
    # As it comes, but for the time; it adapts its epochs to that.
    model.train(data=str(given.data), imgsz=given.size, batch=given.batch, time=given.hours, seed=given.seed, device="cpu", pretrained=False,
                workers=given.threads, plots=False, verbose=False, project=str(given.out.resolve()), name="run", exist_ok=True)
    weights = given.out / "run/weights"
    model = YOLO(str(weights / "last.pt"))
    truth = json.loads(given.truth.read_text(encoding="utf-8"))
    # joist numbers the classes of a data.yaml as they stand there; COCO's identifiers are looked up by name.
    identifier = {one["name"]: one["id"] for one in truth["categories"]}
    boxes = []
    for picture in truth["images"]:
        place = pathlib.Path(picture["file_name"])
        place = place if place.is_absolute() else given.truth.parent / place
        found = model.predict(str(place), imgsz=given.size, conf=0.001, iou=0.7, max_det=300, device="cpu", verbose=False)[0].boxes
        for (left, top, right, bottom), score, number in zip(found.xyxy.tolist(), found.conf.tolist(), found.cls.tolist()):
            boxes.append({"image_id": picture["id"], "category_id": identifier[model.names[int(number)]],
                          "bbox": [left, top, right - left, bottom - top], "score": score})
    given.boxes.write_text(json.dumps(boxes), encoding="utf-8")
    lines = (given.out / "run/results.csv").read_text(encoding="utf-8").strip().split("\n")
    return {"epochs": len(lines) - 1}


def main():
    given = arguments()
    import torch
    torch.set_num_threads(given.threads)
    result = time_loader(given) if given.task == "loader" else train(given)
    given.json.write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main()
