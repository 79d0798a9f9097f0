"""joist's source and the Debian packages that it is built with, for a machine without package registries."""
import os
import pathlib
import re
import shutil
import subprocess
import tarfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOST_BYTES = 64 << 20
# Of tools/install-dependencies: what a machine for GPUs has itself, and what only other tests need.
NOT_CARRIED = {"g++", "cmake", "ninja-build", "pkg-config", "libopenmpi-dev", "openmpi-bin", "iproute2",
               "dataset-fashion-mnist", "libonnx-testdata", "python3", "python3-pip", "ca-certificates",
               "fonts-droid-fallback"}
TOOLS = ("/usr/bin/protoc", "/usr/bin/pkgconf")
# The C library and the compiler's own: the other machine's.
SYSTEM = re.compile(r"(lib(c|m|dl|rt|pthread|resolv|util|stdc\+\+|gcc_s|gomp|mvec)\.so|ld-linux)")
SYSTEM_PACKAGES = re.compile(r"(libc6-dev|libc-dev|linux-libc-dev|libcrypt-dev|libnsl-dev|libtirpc-dev|libstdc\+\+-.*|libgcc-.*)$")
KEPT = re.compile(r"\.(h|hh|hpp|hxx|inc|inl|ipp|tcc|def|proto|pc)$|/include/.*/[^./]+$")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def dev_packages():
    """The packages that are listed, and all that these need to be compiled against."""
    waiting = [name for name in run(ROOT / "tools/install-dependencies", "--list").split() if name not in NOT_CARRIED]
    found = set()
    while waiting:
        name = waiting.pop()
        if name in found or SYSTEM_PACKAGES.match(name):
            continue
        asked = subprocess.run(["dpkg-query", "-W", "-f=${db:Status-Status},${Depends}", name], capture_output=True, text=True)
        if asked.returncode != 0 or not asked.stdout.startswith("installed"):
            continue  # one of several that would do
        found.add(name)
        for part in re.split(r"[,|]", asked.stdout):
            needed = re.sub(r"[ (:].*", "", part.strip())
            if needed.endswith("-dev"):
                waiting.append(needed)
    return sorted(found)


def needed_libraries(files):
    """Files of all libraries that these load, by the name that is asked for."""
    found = {}
    for line in run("ldd", *files).splitlines():
        part = re.match(r"\s+(\S+) => (/\S+)", line)
        if part and not SYSTEM.match(part.group(1)):
            found[part.group(1)] = pathlib.Path(part.group(2))
    return found


def place(packed, path):
    """Where a file of /usr or /lib goes. Both are one on Debian."""
    text = str(path)
    return packed / (text[1:] if text.startswith("/usr/") else "usr" + text)


def copy(packed, path, name=None):
    target = place(packed, path)
    target = target.with_name(name) if name else target
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(os.path.realpath(path), target)
    target.chmod(0o755)
    return target


def pack_dependencies(packed):
    direct = set(run(ROOT / "tools/install-dependencies", "--list").split()) - NOT_CARRIED
    links, libraries = {}, []  # lib….so of packages, and those whose needs are carried too
    for package in dev_packages():
        for text in run("dpkg", "-L", package).split("\n"):
            path = pathlib.Path(text)
            if not path.is_file():
                continue
            if re.search(r"/lib[^/]+\.so$", text):
                links[text] = path
                # pango's other faces bring whole desktops
                if package in direct and not re.search(r"libpango(xft|ft2)|hdf5_|libprotoc|libproto.*\.so$", text):
                    libraries.append(text)
            elif KEPT.search(text) or text.endswith(("libgtest.a", "libgtest_main.a")):
                target = copy(packed, path)
                if text.endswith(".pc"):
                    # Wherever the folder is put.
                    above = "/".join([".."] * (len(path.relative_to("/usr").parts) - 1))
                    target.write_text(target.read_text().replace("/usr", "${pcfiledir}/" + above))
    libraries += ["/usr/lib/x86_64-linux-gnu/libprotobuf-lite.so"]
    serial = [text for text in links if re.search(r"hdf5/serial/libhdf5(_hl)?\.so$", text)]
    needed = needed_libraries(libraries + serial + list(TOOLS))
    for text in libraries + serial:
        name = re.search(r"SONAME\s+\S*?\[?([\w.+-]+)\]?$", run("objdump", "-p", text), re.M)
        needed[name.group(1) if name else pathlib.Path(text).name] = pathlib.Path(text)
    folder = packed / "usr/lib/x86_64-linux-gnu"
    for name, path in needed.items():
        target = folder / name
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(os.path.realpath(path), target)
        target.chmod(0o755)
    real = {os.path.realpath(path): name for name, path in needed.items()}
    for text, path in links.items():
        name = real.get(os.path.realpath(path))
        if name:
            target = place(packed, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not target.exists():
                target.symlink_to(os.path.relpath(folder / name, target.parent))
    for tool in TOOLS:
        copy(packed, tool)


def pack(folder):
    """Writes joist-gpu.tar.gz into the folder; returns its path and bytes. Throws OSError, CalledProcessError."""
    folder.mkdir(parents=True, exist_ok=True)
    staging = folder / "joist"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        names = run("git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    except (OSError, subprocess.CalledProcessError):
        names = []
    for name in filter(None, names):
        source = ROOT / name
        # Reports' pictures and peers' fixtures are no part of what is built there.
        if source.is_file() and not name.startswith(("tools/pictures/", "tests/fixtures/", "tests/data/", "tests/torch/")):
            target = staging / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    # CMake lists the sources of one more program from there; nothing of it is built.
    if (ROOT / "tests/torch").is_dir():
        shutil.copytree(ROOT / "tests/torch", staging / "tests/torch", ignore=shutil.ignore_patterns("*.json"))
    pack_dependencies(staging / "packed")
    file = folder / "joist-gpu.tar.gz"
    with tarfile.open(file, "w:gz", compresslevel=6) as archive:
        archive.add(staging, "joist")
    shutil.rmtree(staging)
    return file, file.stat().st_size
