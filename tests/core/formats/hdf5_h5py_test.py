"""joist's HDF5 files seen from h5py, and h5py's from joist, through the helper's own protocol (core/formats/hdf5_frames.h)."""
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

HELPER = os.environ.get("JOIST_HDF5_READER") or os.path.join(
    os.environ.get("JOIST_BINARY_DIR", "build"), "libexec/joist/joist-hdf5-reader")
try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f"skipped: {missing}")
    sys.exit(77)
if not os.access(HELPER, os.X_OK):
    print(f"skipped: {HELPER} is not built")
    sys.exit(77)

READ, WRITE, ATTRIBUTE, ARRAY, SKIPPED, IMAGE, END, FAILURE = range(8)
HEAD = struct.Struct("<IIQQII8qQQ")
MAGIC = 0x32485A4A
DTYPES = ["<f4", "<f8", "<f2", "bfloat16", "<i8", "<i4", "i1", "u1", "bool"]


def frame(kind, name=b"", data=b"", dtype=0, shape=(), budget=0, seconds=0):
    lengths = list(shape) + [0] * (8 - len(shape))
    return HEAD.pack(MAGIC, kind, len(name), len(data), dtype, len(shape), *lengths, budget, seconds) + name + data


def talk(request):
    done = subprocess.run([HELPER], input=request, capture_output=True, timeout=60)
    assert done.returncode == 0, done.returncode
    frames, at = [], 0
    while at < len(done.stdout):
        magic, kind, names, bytes_, dtype, rank, *rest = HEAD.unpack_from(done.stdout, at)
        assert magic == MAGIC
        at += HEAD.size
        name, data = done.stdout[at:at + names].decode(), done.stdout[at + names:at + names + bytes_]
        at += names + bytes_
        frames.append((kind, name, data, dtype, tuple(rest[:rank])))
    return frames


class Answer:
    """What joist sees in a file."""

    def __init__(self, image):
        self.attributes, self.arrays, self.skipped, self.failure = {}, {}, {}, None
        for kind, name, data, dtype, shape in talk(frame(READ, data=image, budget=(64 << 20) + 32 * len(image), seconds=20)):
            if kind == ATTRIBUTE:
                self.attributes[name] = data.decode()
            elif kind == ARRAY and DTYPES[dtype] == "bfloat16":
                self.arrays[name] = (np.frombuffer(data, "<u2").astype("<u4") << 16).view("<f4").reshape(shape)
            elif kind == ARRAY:
                self.arrays[name] = np.frombuffer(data, DTYPES[dtype]).reshape(shape)
            elif kind == SKIPPED:
                self.skipped[name] = data.decode()
            elif kind == FAILURE:
                self.failure = data.decode()


class FromH5py(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = pathlib.Path(self.folder.name) / "模型.h5"

    def tearDown(self):
        self.folder.cleanup()

    def answer(self, make, **options):
        with h5py.File(self.path, "w", **options) as file:
            make(file)
        return Answer(self.path.read_bytes())

    def test_types_and_filters(self):
        rng = np.random.default_rng(0)
        values = {"f4": rng.normal(size=(5, 7)).astype("f4"), "f8": rng.normal(size=3), "f2": rng.normal(size=4).astype("f2"),
                  "i8": np.arange(-3, 3), "i4": np.arange(6, dtype="i4"), "i1": np.arange(-6, 6, dtype="i1"),
                  "u1": np.arange(250, 256, dtype="u1"), "bool": np.array([True, False, True]), "scalar": np.float32(1.5),
                  "empty": np.zeros((0, 3), "f4"), "big/f4": np.arange(5, dtype=">f4"), "big/i8": np.arange(5, dtype=">i8"),
                  "big/f2": np.arange(5, dtype=">f2")}

        def make(file):
            for name, value in values.items():
                file[name] = value
            options = {"gzip": {"compression": "gzip"}, "shuffle": {"compression": "gzip", "shuffle": True, "chunks": (2, 3)},
                       "checked": {"fletcher32": True, "chunks": (2, 3)}, "growing": {"maxshape": (None, None)}}
            for name, option in options.items():
                file.create_dataset("filters/" + name, data=values["f4"], **option)

        for options in ({}, {"libver": ("v110", "v110")}, {"userblock_size": 1024}, {"track_order": True}):
            seen = self.answer(make, **options)
            self.assertIsNone(seen.failure, options)
            self.assertEqual(set(seen.arrays), set(values) | {"filters/" + n for n in ("gzip", "shuffle", "checked", "growing")})
            for name, array in seen.arrays.items():
                np.testing.assert_array_equal(array, values["f4"] if name.startswith("filters/") else values[name])

    def test_attributes(self):
        def make(file):
            file.attrs["标题"] = "安全帽"
            file.attrs["fixed"] = np.bytes_(b"abc")
            file.attrs["long"] = "x" * 200000
            file.attrs["number"] = 3
            file.attrs["names"] = ["a", "b"]
            file.attrs["fixed names"] = np.array([b"kernel", b"bias"])
            group = file.create_group("layer")
            group.attrs["weight_names"] = ["kernel", "bias"]
            group.attrs["number"] = 3
            group.create_dataset("kernel", data=np.zeros(3, "f4")).attrs["dtype"] = "bfloat16"

        seen = self.answer(make)
        self.assertEqual(seen.attributes, {"标题": "安全帽", "fixed": "abc", "long": "x" * 200000,
                                           "names": "a\nb", "fixed names": "kernel\nbias",
                                           "layer@weight_names": "kernel\nbias", "layer/kernel@dtype": "bfloat16"})
        self.assertEqual(set(seen.skipped), {"number"})

    def test_what_has_no_place_is_listed(self):
        def make(file):
            file["fine"] = np.zeros(3, "f4")
            file["again"] = file["fine"]
            file["strings"] = ["a", "b"]
            file["i2"] = np.zeros((2, 2), "i2")
            file["complex"] = np.zeros(3, "c8")
            file["nothing"] = h5py.Empty("f4")
            file["ten"] = np.zeros((1,) * 10, "f4")
            file["soft"] = h5py.SoftLink("/fine")
            file["loop"] = h5py.SoftLink("/loop")
            file["group/back"] = file["/"]
            file["type"] = np.dtype("f4")

        seen = self.answer(make)
        self.assertIsNone(seen.failure)
        self.assertEqual(set(seen.arrays), {"fine", "again"})
        self.assertEqual(set(seen.skipped), {"strings", "i2", "complex", "nothing", "ten", "soft", "loop", "group/back", "type"})
        self.assertEqual(seen.skipped["i2"], "16-bit integers, shape [2, 2]")

    def test_other_files_are_never_opened(self):
        secret = pathlib.Path(self.folder.name) / "secret"
        secret.write_bytes(b"SECRET__" * 4)
        with h5py.File(self.path.with_suffix(".other"), "w") as other:
            other["data"] = np.frombuffer(b"SECRET__" * 4, "u1")

        def make(file):
            file["fine"] = np.zeros(3, "f4")
            file["external"] = h5py.ExternalLink(str(self.path.with_suffix(".other")), "/data")
            file.create_dataset("raw", shape=(32,), dtype="u1", external=[(str(secret), 0, 32)])
            layout = h5py.VirtualLayout(shape=(32,), dtype="u1")
            layout[:] = h5py.VirtualSource(str(self.path.with_suffix(".other")), "data", shape=(32,))
            file.create_virtual_dataset("virtual", layout)

        seen = self.answer(make)
        self.assertEqual(set(seen.arrays), {"fine"})
        self.assertEqual(set(seen.skipped), {"external", "raw", "virtual"})

    def test_bombs(self):
        bombs = {
            "chunked": lambda file: file.create_dataset("x", shape=(10**6, 10**6, 10**6), dtype="f8", chunks=(1, 1, 1000)),
            "beyond 64 bits": lambda file: file.create_dataset("x", shape=(2**40, 2**40), dtype="f8", chunks=(1, 1000)),
            "unwritten": lambda file: file.create_dataset("x", shape=(2**35,), dtype="f4", chunks=(1000,)),
            "zeros": lambda file: file.create_dataset("x", data=np.zeros(2**27, "u1"), compression="gzip", chunks=(2**27,)),
        }
        for name, bomb in bombs.items():
            seen = self.answer(bomb)
            self.assertIn("more than a file of its size", seen.failure or "", name)

    def test_deep_groups(self):
        seen = self.answer(lambda file: file.create_group("/".join(["g"] * 1000)))
        self.assertIn("deep", seen.failure)


class ToH5py(unittest.TestCase):
    def test_every_type(self):
        rng = np.random.default_rng(1)
        arrays = {"模型/卷积.weight": (0, rng.normal(size=(4, 3, 2, 2)).astype("<f4")), "模型/步": (4, np.array(7)),
                  "f8": (1, rng.normal(size=3)), "f2": (2, rng.normal(size=3).astype("<f2")),
                  "i4": (5, np.arange(3, dtype="<i4")), "i1": (6, np.arange(3, dtype="i1")), "u1": (7, np.arange(3, dtype="u1")),
                  "flags": (8, np.array([True, False])), "empty": (0, np.zeros((0, 2), "<f4"))}
        brain = np.array([1.0, -2.5, 3e38], "<f4")
        request = frame(WRITE) + frame(ATTRIBUTE, "类别".encode(), '["安全帽"]'.encode()) + frame(ATTRIBUTE, b"none", b"")
        for name, (dtype, value) in arrays.items():
            request += frame(ARRAY, name.encode(), value.tobytes(), dtype, value.shape)
        request += frame(ARRAY, b"brain", (brain.view("<u4") >> 16).astype("<u2").tobytes(), 3, (3,))
        (kind, _, image, _, _), = talk(request + frame(END))
        self.assertEqual(kind, IMAGE)
        with tempfile.NamedTemporaryFile(suffix=".h5") as file:
            file.write(bytes(512) + image)
            file.flush()
            with h5py.File(file.name, "r") as opened:
                self.assertEqual(opened.userblock_size, 512)
                self.assertEqual(dict(opened.attrs), {"类别": '["安全帽"]', "none": ""})
                for name, (_, value) in arrays.items():
                    self.assertEqual(opened[name].dtype, value.dtype)
                    np.testing.assert_array_equal(opened[name][()], value)
                if opened["brain"].dtype == np.float32:  # newer ones: wide enough for all its values
                    np.testing.assert_array_equal(opened["brain"][()], (brain.view("<u4") >> 16 << 16).view("<f4"))

    def test_the_first_version(self):
        with h5py.File(pathlib.Path(__file__).with_name("archive-1.h5"), "r") as file:
            self.assertEqual(file.userblock_size, 512)
            self.assertEqual(file.attrs["classes"], '["安全帽","反光衣"]')
            np.testing.assert_array_equal(file["model/dtypes.int8"][()], np.arange(6, dtype="i1").reshape(2, 3))
            self.assertEqual(file["model/ranks/8"].ndim, 8)


if __name__ == "__main__":
    unittest.main()
