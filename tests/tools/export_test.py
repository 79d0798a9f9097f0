# A trained detector, exported: onnxruntime finds the same boxes as `joist predict`, by the description in the file alone.
# ctest: TIMEOUT 300
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

try:
    import numpy
    import onnxruntime
except ImportError:
    print("skipped: numpy and onnxruntime are not installed")
    sys.exit(77)

JOIST = os.environ["JOIST"]
SIDE = 64


def picture(seed):
    """A noisy picture with a bright rectangle, and the rectangle (x, y, width, height)."""
    random = numpy.random.default_rng(seed)
    pixels = random.integers(0, 90, (SIDE, SIDE, 3), dtype=numpy.uint8)
    x, y = (int(v) for v in random.integers(2, 30, 2))
    width, height = (int(v) for v in random.integers(16, 30, 2))
    pixels[y:y + height, x:x + width] = random.integers(160, 255, 3)
    return pixels, [x, y, width, height]


def write_png(path, pixels):
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)) +
                   chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def joist(*arguments):
    done = subprocess.run([JOIST, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, f"joist {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


def suppressed(boxes, scores, overlap):
    """Greedy, best first: positions that stay."""
    kept = []
    for i in numpy.argsort(-scores, kind="stable"):
        a = boxes[i]
        for k in kept:
            b = boxes[k]
            inter = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
            if inter / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter) > overlap:
                break
        else:
            kept.append(i)
    return kept


class Export(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="joist-导出-")
        root = cls.folder.name
        cls.pictures = [picture(seed) for seed in range(24)]
        truth = {"images": [], "annotations": [], "categories": [{"id": 7, "name": "亮块"}]}
        os.mkdir(f"{root}/photos")
        for i, (pixels, box) in enumerate(cls.pictures):
            write_png(f"{root}/photos/{i:02}.png", pixels)
            truth["images"].append({"id": i + 1, "file_name": f"photos/{i:02}.png", "width": SIDE, "height": SIDE})
            truth["annotations"].append({"id": i + 1, "image_id": i + 1, "category_id": 7, "bbox": box, "iscrowd": 0,
                                         "area": box[2] * box[3]})
        with open(f"{root}/truth.json", "w", encoding="utf-8") as file:
            json.dump(truth, file)
        joist("train", "--data", f"{root}/truth.json", "--size", str(SIDE), "--batch", "8", "--epochs", "40", "--mosaic", "0",
              "--out", f"{root}/run")
        cls.model = f"{root}/run/last.h5"

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_onnxruntime_finds_the_same_boxes(self):
        root = self.folder.name
        joist("export", "--model", self.model, "--to", f"{root}/model.onnx")
        joist("predict", "--model", self.model, "--source", f"{root}/photos", "--out", f"{root}/found", "--json", f"{root}/found.json")
        with open(f"{root}/found.json", encoding="utf-8") as file:
            ours = json.load(file)
        session = onnxruntime.InferenceSession(f"{root}/model.onnx", providers=["CPUExecutionProvider"])
        described = session.get_modelmeta().custom_metadata_map
        self.assertEqual(json.loads(described["names"]), ["亮块"])
        after = json.loads(described["postprocessing"])
        before = json.loads(described["preprocessing"])
        self.assertEqual(before["letterbox"]["size"], SIDE)
        compared = 0
        for i, (pixels, _) in enumerate(self.pictures):
            images = (pixels.transpose(2, 0, 1)[None].astype(numpy.float32) * numpy.float32(before["scale"]))
            output = session.run(None, {"images": images})[0][0]
            boxes, scores = output[:4].T, output[4]
            above = scores > after["confidence"]
            boxes, scores = boxes[above], scores[above]
            kept = suppressed(boxes, scores, after["overlap"])[:after["most"]]
            mine = sorted((d for d in ours if d["image_id"] == i + 1), key=lambda d: -d["score"])
            self.assertEqual(len(mine), len(kept), f"picture {i}")
            for box, score, other in zip(boxes[kept], scores[kept], mine):
                x, y, width, height = other["bbox"]
                clipped = numpy.clip(box, 0, SIDE)
                numpy.testing.assert_allclose([x, y, x + width, y + height], clipped, atol=2e-2)
                self.assertAlmostEqual(score, other["score"], delta=1e-3)
                self.assertEqual((other["category_id"], other["category"]), (7, "亮块"))
                compared += 1
        self.assertGreater(compared, 10, "the trained model finds too little to compare")

    def test_drawn_pictures_lie_where_they_were_asked_for(self):
        root = self.folder.name
        joist("predict", "--model", self.model, "--source", f"{root}/photos/03.png", "--out", f"{root}/one/两")
        with open(f"{root}/one/两/03.png", "rb") as file:
            self.assertEqual(file.read(8), b"\x89PNG\r\n\x1a\n")

    def test_boxes_chosen_inside_the_graph(self):
        root = self.folder.name
        joist("export", "--model", self.model, "--to", f"{root}/nms.onnx", "--nms", "--batch", "0", "--verify", f"{root}/truth.json")
        joist("predict", "--model", self.model, "--source", f"{root}/photos", "--out", f"{root}/chosen", "--json", f"{root}/chosen.json")
        with open(f"{root}/chosen.json", encoding="utf-8") as file:
            ours = json.load(file)
        session = onnxruntime.InferenceSession(f"{root}/nms.onnx", providers=["CPUExecutionProvider"])
        images = numpy.stack([pixels.transpose(2, 0, 1) for pixels, _ in self.pictures]).astype(numpy.float32) / 255
        found = session.run(["detections"], {"images": images})[0]  # all pictures in one call
        self.assertEqual(len(found), len(ours))
        for i in range(len(self.pictures)):
            mine = sorted((d["score"] for d in ours if d["image_id"] == i + 1), reverse=True)
            theirs = sorted((float(row[5]) for row in found if row[0] == i), reverse=True)
            numpy.testing.assert_allclose(mine, theirs, atol=1e-3)

    def test_what_it_cannot_do_it_says(self):
        done = subprocess.run([JOIST, "export", "--model", self.model, "--to", "x.pb"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 3)
        self.assertIn("unsupported", done.stderr)
        done = subprocess.run([JOIST, "export", "--model", self.model, "--to", "x.onnx", "--verify", "nowhere"], capture_output=True,
                              text=True)
        self.assertEqual(done.returncode, 3)
        self.assertFalse(os.path.exists("x.onnx"))


if __name__ == "__main__":
    unittest.main()
