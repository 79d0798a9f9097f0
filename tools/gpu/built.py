"""A build for machines that have a GPU but neither time nor packages to build: programs, libraries, what these load."""
import os
import pathlib
import shutil
import subprocess
import tarfile

import pack

NAME = "joist-built"
PROGRAMS = ("bin/joist", "bin/cuda_device_test", "libexec/joist/joist-hdf5-reader")
LIBRARIES = ("lib/libjoist.so", "lib/libjoist_cuda.so")
OPTIONAL = ("lib/libjoist_mpi.so",)
NEEDED = "needed"  # the folder of other projects' libraries


def names_of(build, library):
    """A library under all names that lead to it, such as libjoist.so.0."""
    return sorted(path for path in (build / library).parent.glob(pathlib.Path(library).name + "*"))


def pack_built(build, folder):
    """Writes FOLDER/joist-built.tar.xz; returns its path and bytes. Throws OSError, CalledProcessError, LookupError."""
    missing = [name for name in PROGRAMS + LIBRARIES if not (build / name).exists()]
    if missing:
        raise LookupError(f"{build} lacks {', '.join(missing)}: build joist_command joist_hdf5_reader joist_cuda cuda_device_test there")
    staging = folder / NAME
    shutil.rmtree(staging, ignore_errors=True)
    wanted = [build / name for name in PROGRAMS]
    for library in LIBRARIES + OPTIONAL:
        wanted += names_of(build, library)
    for source in wanted:
        target = staging / source.relative_to(build)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.symlink_to(os.readlink(source))
        else:
            shutil.copy2(source, target)
            subprocess.run(["strip", "--strip-unneeded", target], check=True)
    # MPI's own libraries are the other machine's, where it has some.
    real = [path for path in wanted if not path.is_symlink() and path.name not in {pathlib.Path(name).name for name in OPTIONAL}]
    needed = staging / NEEDED
    needed.mkdir()
    for name, path in pack.needed_libraries(real).items():
        if build.resolve() not in path.resolve().parents:
            shutil.copyfile(os.path.realpath(path), needed / name)
    file = folder / f"{NAME}.tar.xz"
    with tarfile.open(file, "w:xz", preset=3) as archive:
        archive.add(staging, NAME)
    shutil.rmtree(staging)
    return file, file.stat().st_size


def unpacked(given, work):
    """The folder of a build: `given`, or where that is a packed one, what it holds. Throws LookupError."""
    if given.is_file():
        with tarfile.open(given) as archive:
            archive.extractall(work, filter="data")
        given = work / NAME
    if not (given / "bin/joist").exists():
        raise LookupError(f"{given} has no bin/joist: expected a folder with bin, lib and libexec, or {NAME}.tar.xz")
    return given.resolve()


def libraries(build, root):
    """Folders of libraries that the build's programs want: its own, what it carries, CUDA's, and those of pip's packages."""
    folders = [build / "lib", build / NEEDED, pathlib.Path("/usr/local/cuda/lib64")]
    folders += sorted(pathlib.Path(path) for place in root for path in pathlib.Path(place).glob("*/lib"))
    return [str(folder) for folder in folders if folder.is_dir()]
