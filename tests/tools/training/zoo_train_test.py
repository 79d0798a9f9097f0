"""Published models by their names from the command line: trained, from a file whose head has other classes, evaluated, exported."""
# ctest: TIMEOUT 300
import json
import pathlib
import random
import tempfile

from training_runs import JOIST, make_data, run, train, write_png


def make_classes(folder, side=64):
    """Six pictures each of two classes: red or green ones."""
    rng = random.Random(1)
    for name, colour in (("red", (200, 40, 40)), ("green", (40, 190, 60))):
        (folder / name).mkdir(parents=True)
        for number in range(6):
            rows = [bytes(max(0, colour[i % 3] - rng.randrange(40)) for i in range(3 * side)) for _ in range(side)]
            write_png(folder / name / f"{number}.png", side, side, rows)


def classifiers(folder):
    make_classes(folder / "photos")
    for model in ("shufflenet_v2_x0_5", "mobilenet_v3_small", "regnet_y_400mf", "squeezenet1_1", "deit_tiny"):
        out = folder / model
        train(folder / "photos", out, "--val", folder / "photos", "--model", model, "--epochs", 1)
        assert "top1" in (out / "metrics.json").read_text(), model
        file = folder / f"{model}.json"
        run(JOIST, "eval", "--model", out / "best.h5", "--data", folder / "photos", "--json", file)
        assert 0 <= json.loads(file.read_text())["top1"] <= 1, model
    names = {one["name"] for one in json.loads(run_inspect(folder / "shufflenet_v2_x0_5" / "best.h5"))}
    assert any(name.endswith("stage2.0.branch1.0.weight") for name in names), names
    again = train(folder / "photos", folder / "again", "--model", "regnet_y_400mf", "--from", folder / "regnet_y_400mf" / "best.h5",
                  "--freeze", "stem,trunk_output.block1", "--epochs", 1)
    assert again.returncode == 0
    run(JOIST, "export", "--model", folder / "mobilenet_v3_small" / "best.h5", "--to", folder / "v3.onnx", "--verify",
        folder / "photos")


def run_inspect(file):
    listing = pathlib.Path(str(file) + ".list.json")
    run(JOIST, "inspect", file, "--json", listing)
    return listing.read_text()


def detectors(folder):
    data = make_data(folder / "boxes", pictures=4)
    out = folder / "ssd"
    train(data, out, "--val", data, "--model", "ssdlite320_mobilenet_v3_large", "--epochs", 1)
    assert "AP50" in (out / "metrics.json").read_text()
    run(JOIST, "predict", "--model", out / "best.h5", "--source", data.parent / "picture000.png", "--out", folder / "seen",
        "--confidence", "0.01")
    refused = train(data, folder / "no", "--model", "resnet18", "--epochs", 1, expect=2)
    assert "ssdlite320_mobilenet_v3_large" in refused.stderr, refused.stderr


def names(folder):
    refused = train(folder / "photos", folder / "no", "--model", "mobilenet_v3smal", "--epochs", 1, expect=2)
    assert "--model mobilenet_v3_small" in refused.stderr, refused.stderr
    small = train(folder / "photos", folder / "no", "--model", "vgg11", "--size", 31, "--epochs", 1, expect=2)
    assert "--size 32" in small.stderr, small.stderr
    small = run(JOIST, "inspect", "--model", "vgg11", "--size", 16, expect=2)
    assert "--size: vgg11 does not work on pictures of 16 × 16 pixels" in small.stderr, small.stderr
    told = run(JOIST, "train", "--help").stdout
    for model in ("regnet_y_400mf", "convnext_tiny", "retinanet_resnet50_fpn", "densenet121", "r2plus1d_18"):
        assert model in told, model


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as at:
        classifiers(pathlib.Path(at))
        detectors(pathlib.Path(at))
        names(pathlib.Path(at))
