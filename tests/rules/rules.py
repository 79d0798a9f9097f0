"""The rules of the house: who may include whom, and what may stand in the repository.

check(root, files) returns the violations as "file:line: rule"; `python3 tests/rules/rules.py` prints them for this tree.
"""
import pathlib
import re
import subprocess
import sys

TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "README.md", "CONTRIBUTING.md", "LICENSE", ".clang-format",
             ".clang-tidy", ".ci", ".gitignore", ".gitattributes",
             "core", "layers", "optim", "data", "cuda", "tools", "tests"}
MAX_BYTES = 100_000
MAX_COLUMNS = 120

# --- who may include whom ---------------------------------------------------------------------------------------------
# Room -> (what it may include of ours, which libraries). A file belongs to the longest room that its path starts with.
# What it may include of ours is a list of path prefixes; the prefix "core/*" means the files directly in core/.
VALUE_TYPES = ["core/" + name for name in ("shape.", "dtype.", "device.", "error.", "array.", "memory.", "random.",
                                             "text.", "half.", "special.", "transfer.",
                                             "plugin.", "registry.", "segment_allocator.")]
KERNEL_SIDE = VALUE_TYPES + ["core/kernels", "core/elementwise"]
FILE_LIBRARIES = {"hdf5", "protobuf", "simdjson", "json", "zlib", "nettle", "pugixml", "yaml"}
ROOMS = {
    "core/": (["core/*", "core/kernels/", "core/ops/"], set()),
    # The one place where the CPU's tables are plugged in.
    "core/kernels.cpp": (["core/*", "core/kernels/", "core/cpu/kernels.h", "core/plain/plain.h"], set()),
    "core/kernels/": (KERNEL_SIDE, set()),
    **{prefix: (VALUE_TYPES, set()) for prefix in VALUE_TYPES},
    "core/ops/": (["core/*", "core/kernels/", "core/ops/"], set()),
    "core/plain/": (KERNEL_SIDE + ["core/plain/"], set()),
    "core/cpu/": (KERNEL_SIDE + ["core/threads", "core/instruction_set", "core/reflect.", "core/cpu/", "core/plain/plain.h", "core/parallel/"], {"onednn", "eigen", "openmp", "highway", "kissfft"}),
    "core/parallel/": (KERNEL_SIDE + ["core/parallel/", "core/formats/sha256.", "core/formats/system_error."], set()),
    "core/parallel/mpi/": (VALUE_TYPES + ["core/parallel/"], {"mpi"}),
    "core/formats/": (VALUE_TYPES + ["core/formats/"], FILE_LIBRARIES),
    "cuda/": (KERNEL_SIDE + ["core/capture.", "core/picture_change.", "core/reflect.", "core/upload.", "cuda/", "core/parallel/"], {"cuda"}),
    "layers/": (["core/*", "layers/"], set()),
    "optim/": (["core/*", "core/parallel/", "optim/"], set()),
    "data/": (["core/*", "core/formats/", "core/parallel/", "data/"], FILE_LIBRARIES | {"images", "ffmpeg", "fmt"}),
    "data/tokenizer/": (["core/*", "core/formats/", "data/"], {"json", "fmt", "utf8proc", "oniguruma"}),
    "data/augment/pixels.cpp": (["core/*", "core/cpu/simd.h", "data/"], {"highway"}),
    "tools/": (["core/*", "core/formats/", "core/parallel/", "layers/", "optim/", "data/", "tools/", "joist.h"],
               FILE_LIBRARIES | {"cli11", "toml", "fmt", "drawing", "images", "benchmark"}),
    "tools/training/": (["core/*", "core/formats/", "core/parallel/", "layers/", "optim/", "data/", "tools/training/",
                         "tools/report/"], FILE_LIBRARIES | {"toml", "fmt"}),
    "tools/lab/": (["core/*", "core/formats/", "layers/", "optim/", "data/", "tools/lab/", "tools/report/",
                    "tools/training/"], {"json", "toml", "fmt", "drawing"}),
    "tools/report/": (["core/*", "data/", "tools/report/"], {"drawing", "fmt", "json"}),
    "tools/hdf5_reader/": (VALUE_TYPES + ["core/formats/", "tools/hdf5_reader/"], {"hdf5", "seccomp"}),
    "tools/gpu/": ([], {"cuda"}),
    "tests/": ([""], None),  # None: any library
}
LIBRARIES = {
    "onednn": r"(oneapi/)?dnnl.*", "eigen": r"(unsupported/)?Eigen/.*", "openmp": r"omp\.h", "highway": r"hwy/.*", "kissfft": r"kissfft/.*",
    "hdf5": r"(hdf5|H5\w+).*\.h", "protobuf": r"google/protobuf/.*|onnx/.*", "simdjson": r"simdjson\.h",
    "json": r"nlohmann/.*", "zlib": r"(zlib|zip)\.h", "nettle": r"nettle/.*", "pugixml": r"pugixml\.hpp", "yaml": r"yaml\.h",
    "utf8proc": r"utf8proc\.h", "oniguruma": r"onig\w+\.h",
    "images": r"(jpeglib|jerror|turbojpeg|png|webp/.*)\.?h?", "ffmpeg": r"lib(av|sw)\w+/.*", "cli11": r"CLI/.*",
    "toml": r"toml\+\+/.*", "fmt": r"(fmt|spdlog)/.*", "drawing": r"(cairo|pango|fontconfig|glib).*",
    "seccomp": r"seccomp\.h", "mpi": r"mpi\.h", "cuda": r"(cu|nccl|nv|thrust|cooperative_groups).*",
    "benchmark": r"benchmark/.*",
}
STANDARD = re.compile(r"[a-z_0-9]+")
SYSTEM = re.compile(r"(sys|linux|net|netinet|arpa|asm|bits|sanitizer)/.*\.h|(ifaddrs|netdb|unistd|fcntl|signal|poll|dlfcn|spawn|pthread|sched|"
                    r"dirent|termios|execinfo|immintrin|cpuid|malloc|cxxabi|errno|time|locale|langinfo|iconv|pwd|link|"
                    r"ucontext|features|limits|stdlib|stdio|string)\.h")
# Headers that only their own folder sees; they are not installed.
PRIVATE_HEADERS = ("core/cpu/", "cuda/", "tools/commands/", "tools/hdf5_reader/", "tools/benchmark/", "tools/report/cairo.h",
                   "tools/lab/experiments.h", "data/formats/xml_document.h",
                   "tests/")
CXX = {".h", ".cpp", ".inl", ".cu", ".cuh"}
INCLUDE = re.compile(r'\s*#\s*include\s*([<"])([^>"]+)[>"]')


def room_of(name):
    return max((room for room in ROOMS if name.startswith(room)), key=len, default=None)


def library_of(header):
    return next((library for library, pattern in LIBRARIES.items() if re.fullmatch(pattern, header)), None)


def allowed_ours(prefixes, header):
    return any(header.startswith("core/") and header.count("/") == 1 if prefix == "core/*" else header.startswith(prefix)
               for prefix in prefixes)


def check_include(root, name, style, header):
    room = room_of(name)
    ours, libraries = ROOMS[room] if room else ([], set())
    shown = room.rstrip("/.") if room else "this place"
    if style == '"':
        yield f'#include "{header}": write <joist/...> with the path from the top'
        return
    if header.startswith("joist/"):
        header = header.removeprefix("joist/")
        if not allowed_ours(ours, header):
            yield f"{shown} may not include {header}"
        elif not (root / ("tools/joist.h" if header == "joist.h" else header)).is_file():
            yield f"includes {header}, which does not exist"
        return
    if STANDARD.fullmatch(header) or SYSTEM.fullmatch(header):
        return
    library = library_of(header)
    if libraries is not None and library not in libraries:
        yield f"{shown} may not include the library header <{header}>"
    elif pathlib.Path(name).suffix == ".h" and not name.startswith(PRIVATE_HEADERS):
        yield f"a public header may not include the library header <{header}>"


# --- what may stand in files ------------------------------------------------------------------------------------------
# The patterns are put together from pieces so that this file does not break its own rules.
MACHINE_PATHS = re.compile(r"(?<![\w.$}~-])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", "ho" + "me", "Us" + "ers"]) + r")/\w")
REGISTRY_HOSTS = re.compile("|".join(["py" + r"pi\.org", "python" + r"hosted\.org", "deb\\." + "debian", "npm" + r"js\.org",
                                      "crates" + r"\.io", "proxy\\." + "golang", "download\\." + "pytorch",
                                      "conda\\." + "anaconda", "index" + "-url"]))
UNFINISHED = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")


def check_file(root, name):
    path = root / name
    if name.split("/")[0] not in TOP_LEVEL:
        yield 0, "the top level is closed; put it in a room"
    if path.stat().st_size > MAX_BYTES:
        yield 0, f"{path.stat().st_size} bytes; files stay under {MAX_BYTES}"
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        if path.suffix in CXX:
            yield 0, "not UTF-8"
        return
    source = path.suffix in CXX
    if path.suffix == ".h" and not name.endswith("-inl.h") and "#pragma once" not in text:  # Highway reads -inl.h often
        yield 1, "no #pragma once"
    for number, line in enumerate(text.split("\n"), start=1):
        if MACHINE_PATHS.search(line):
            yield number, "an absolute path of one machine"
        if REGISTRY_HOSTS.search(line):
            yield number, "the host of a package registry"
        if UNFINISHED.search(line):
            yield number, "marks unfinished work"
        if source and len(line) > MAX_COLUMNS:
            yield number, f"{len(line)} columns; lines stay within {MAX_COLUMNS}"
        if source and (match := INCLUDE.match(line)):
            yield from ((number, rule) for rule in check_include(root, name, *match.groups()))


def repository_files(root):
    """Tracked files and those that would be tracked; everything outside build/ where there is no git."""
    listing = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                             capture_output=True, check=False)
    if listing.returncode == 0:
        names = listing.stdout.decode("utf-8").split("\0")
    else:
        names = [path.relative_to(root).as_posix() for path in root.rglob("*")]
        names = [name for name in names if not name.startswith(("build/", ".git/"))]
    return sorted({name for name in names if name and (root / name).is_file()})


def check(root, files=None):
    root = pathlib.Path(root)
    return [f"{name}:{line}: {rule}" for name in (repository_files(root) if files is None else files)
            for line, rule in check_file(root, name)]


if __name__ == "__main__":
    violations = check(pathlib.Path(__file__).parents[2])
    print("\n".join(violations) or "no violations")
    sys.exit(1 if violations else 0)
