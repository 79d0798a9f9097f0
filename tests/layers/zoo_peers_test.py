"""The published models against their originals: torchvision's, timm's and facenet-pytorch's with random weights, saved as
their own files and loaded by joist, give the same logits, gradients, boxes and losses; MTCNN, with the weights of its wheel,
finds the same faces on photographs. Runs with --with-peers; arguments choose models; prints the errors, all relative.

usage: zoo_peers_test.py [MODEL …]     JOIST_PHOTOGRAPHS: a folder with more photographs for MTCNN
"""
# ctest: TIMEOUT 3000 RUN_SERIAL ON
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile

if not os.environ.get("JOIST_WITH_PEERS"):
    print("skipped: runs with tools/test --with-peers")
    sys.exit(77)
for package in ("torch", "torchvision", "timm", "facenet_pytorch"):
    if importlib.util.find_spec(package) is None:
        print(f"skipped: no module named {package}")
        sys.exit(77)
import numpy as np
import torch

from zoo_originals import CI_CASES, PEER_CASES, original

PROGRAM = pathlib.Path(os.environ["JOIST_BINARY_DIR"]) / "bin" / "layers_zoo_test"
TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
LARGE = 40e6  # from so many parameters on in float32 only
# These are compared in training mode too, with batch statistics, which magnify what float32 rounds: in float64.
TRAINED = ("resnet18", "regnet_y_400mf", "mobilenet_v3_small", "efficientnet_b0", "densenet121", "shufflenet_v2_x1_0",
           "r2plus1d_18", "swin_t", "convnext_tiny", "deit_tiny")


def shake(model):
    """Statistics, norms and biases that are not 0 or 1."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif tensor.is_floating_point() and (tensor.dim() == 1 or tensor.std() < 1e-3):
                tensor.add_(torch.randn_like(tensor) * 0.1)


def compare(folder, case, truth):
    (folder / "case.json").write_text(json.dumps(case))
    np.savez(folder / "truth.npz", **truth)
    environment = {**os.environ, "JOIST_ZOO_CASE": str(folder)}
    run = subprocess.run([PROGRAM, "--gtest_filter=Zoo.LoadsTheFileOfAnOriginal"], env=environment, capture_output=True, text=True)
    if run.returncode != 0:
        print(run.stdout[-1500:] + run.stderr[-1500:])
        return None
    return json.loads((folder / "figures.json").read_text())


def numbers(tensor, dtype=torch.float32):
    return tensor.detach().to(dtype).numpy()


def loss_direction(shape):
    sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "fixtures"))
    from make_zoo import by_formula
    return by_formula("loss", shape)


def gradients(model, pictures):
    model.zero_grad()
    logits = model(pictures)
    (logits * loss_direction(logits.shape).to(logits.dtype)).sum().backward()
    return logits.detach(), {key: value.grad for key, value in model.named_parameters()}


def classifier(folder, name, size):
    torch.manual_seed(len(name) + size)
    model = original(name, 7, size).eval()
    shake(model)
    torch.save(model.state_dict(), folder / "model.pth")
    large = sum(value.numel() for value in model.parameters()) > LARGE
    clip = (3, 4) if name == "r2plus1d_18" else (3,)
    pictures = torch.rand(2, *clip, size, size) * 2 - 1
    own_logits, own = gradients(model, pictures)
    truth = {"pictures": pictures.numpy()}
    model.double()
    for mode in ("eval", "train") if name in TRAINED else ("eval",):
        logits, found = gradients(model.train(mode == "train"), pictures.double())
        if mode == "eval":
            flat = lambda values: torch.cat([value.double().flatten() for value in values.values()])
            own_error = float((flat(own) - flat(found)).norm() / flat(found).norm())
            own_logits = float((own_logits.double() - logits).abs().max() / logits.abs().max())
        truth[f"{mode}.logits"] = numbers(logits, torch.float64)
        truth |= {f"{mode}.gradients.{key}": numbers(value, torch.float32 if large else torch.float64) for key, value in found.items()}
    seen = compare(folder, {"model": name, "size": size, "classes": 7, "float64": not large}, truth)
    if seen is None:
        return False
    good = True
    for (mode, dtype), figures in sorted((tuple(key.split()), value) for key, value in seen.items()):
        most = TOLERANCE[dtype]
        note = ""
        fits = figures["logits"] < most and figures["gradient"] < most
        if dtype == "float32":
            note = f"  (PyTorch's own float32: {own_logits:.1e} and {own_error:.1e})"
            fits = fits or (figures["logits"] < most and figures["gradient"] < 2 * own_error)
        good = good and fits
        print(f"{name:20} {mode:5} {dtype} logits {figures['logits']:.1e}  gradient {figures['gradient']:.1e}  worst parameter "
              f"{figures['worst']:.1e}{note}{'' if fits else '  DIFFERENT'}", flush=True)
    return good


def spread(model):
    """Convolutions that start near 0 (heads) made as large as others: no two places have nearly the same scores then,
    among which rounding would choose the hard negatives."""
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.dim() > 1 and tensor.std() < 0.05:
                tensor.normal_(0, (1.5 / tensor[0].numel()) ** 0.5)


def detector(folder, name, classes=4, size=256):
    import torchvision.models.detection as detection
    from torchvision.models.detection.image_list import ImageList
    from torchvision.ops import box_iou
    torch.manual_seed(1)
    background = name.startswith("ssd")
    model = getattr(detection, name)(weights=None, weights_backbone=None, num_classes=classes + background).eval()
    shake(model)
    spread(model)
    torch.save(model.state_dict(), folder / "model.pth")
    model.double()
    pictures = torch.rand(2, 3, size, size)
    middle, side = torch.rand(2, 5, 2) * size * 0.5 + size * 0.25, torch.rand(2, 5, 2) * size * 0.4 + 4
    boxes, labels = torch.cat([middle - side / 2, middle + side / 2], 2), torch.randint(0, classes, (2, 5))
    mean, deviation = (torch.tensor(values, dtype=torch.float64)[:, None, None]
                       for values in (model.transform.image_mean, model.transform.image_std))
    images = (pictures.double() - mean) / deviation
    features = list(model.backbone(images).values())
    head = model.head(features)
    # Boxes 2:1 and 3:1 have one area, so they often tie for an object: it is the original's float32 that chooses.
    anchors = model.anchor_generator(ImageList(pictures, [(size, size)] * 2), [feature.float() for feature in features])
    matched = [model.proposal_matcher(box_iou(b, a)) for b, a in zip(boxes, anchors)]
    anchors = [a.double() for a in anchors]
    targets = [{"boxes": b.double(), "labels": l + background} for b, l in zip(boxes, labels)]
    losses = (model if background else model.head).compute_loss(targets, head, anchors, matched)
    scores = head["cls_logits"].softmax(2)[..., 1:] if background else head["cls_logits"].sigmoid()
    loss = sum(losses.values())
    loss.backward()
    decoded = torch.stack([model.box_coder.decode_single(d, a) for d, a in zip(head["bbox_regression"], anchors)])
    truth = {"pictures": pictures.numpy(), "logits": numbers(head["cls_logits"]), "deltas": numbers(head["bbox_regression"]),
             "decoded": numbers(torch.cat([decoded, scores], 2).transpose(1, 2)), "loss": numbers(loss)[None]}
    truth |= {f"gradients.{key}": numbers(value.grad) for key, value in model.named_parameters()}
    rows = [[b.tolist() + [int(c)] for b, c in zip(bs, ls)] for bs, ls in zip(boxes, labels)]
    seen = compare(folder, {"model": name, "size": size, "classes": classes, "boxes": rows}, truth)
    if seen is None:
        return False
    fits = all(seen[what] < TOLERANCE["float32"] for what in ("logits", "deltas", "decoded", "loss", "gradient"))
    print(f"{name:20} " + "  ".join(f"{what} {value:.1e}" for what, value in seen.items()) + ("" if fits else "  DIFFERENT"), flush=True)
    return fits


def photographs():
    from PIL import Image
    folders = [pathlib.Path(os.environ["JOIST_PHOTOGRAPHS"])] if "JOIST_PHOTOGRAPHS" in os.environ else []
    if spec := importlib.util.find_spec("ultralytics"):
        folders.append(pathlib.Path(spec.submodule_search_locations[0]) / "assets")
    return [Image.open(path).convert("RGB") for folder in folders for path in sorted(folder.glob("*.jpg"))]


def faces(folder):
    import facenet_pytorch
    original = facenet_pytorch.MTCNN(keep_all=True, select_largest=False)
    for part in ("pnet", "rnet", "onet"):
        torch.save(getattr(original, part).state_dict(), folder / f"{part}.pt")
    truth, pictures = {}, photographs()
    if not pictures:
        print("mtcnn: no photographs: install ultralytics, or set JOIST_PHOTOGRAPHS")
        return True
    for number, picture in enumerate(pictures):
        boxes, scores, marks = original.detect(picture, landmarks=True)
        rows = np.zeros((0, 15), "f4") if boxes is None else np.concatenate(
            [np.stack(list(boxes)), np.array(list(scores))[:, None], np.stack(list(marks)).transpose(0, 2, 1).reshape(-1, 10)], 1)
        truth[f"faces.{number}"] = rows.astype("f4")
        truth[f"pictures.{number}"] = (np.asarray(picture, "f4") / 255).transpose(2, 0, 1)[None].copy()
    seen = compare(folder, {"model": "mtcnn"}, truth)
    if seen is None:
        return False
    fits = seen["different"] == 0 and seen["box"] < 1 and seen["score"] < 1e-3
    print(f"mtcnn                {seen['faces']} faces on {seen['pictures']} photographs, {seen['different']} with another number; box "
          f"{seen['box']:.1e} px, score {seen['score']:.1e}, landmark {seen['landmark']:.1e} px{'' if fits else '  DIFFERENT'}")
    return fits


def main(wanted):
    cases = {name: lambda folder, name=name, size=max(size, 64): classifier(folder, name, size)
             for name, size in (CI_CASES | PEER_CASES).items()}
    for name in ("retinanet_resnet50_fpn", "ssdlite320_mobilenet_v3_large"):
        cases[name] = lambda folder, name=name: detector(folder, name, size=320 if name.startswith("ssd") else 256)
    cases["mtcnn"] = faces
    failed = []
    for name, run in cases.items():
        if wanted and name not in wanted:
            continue
        with tempfile.TemporaryDirectory() as folder:
            if not run(pathlib.Path(folder)):
                failed.append(name)
    print("different: " + ", ".join(failed) if failed else "all equal")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
