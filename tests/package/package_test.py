"""joist as users get it: installed, moved elsewhere and found by find_package; and as a folder in their own project."""
# ctest: TIMEOUT 300 LABELS package
import os
import pathlib
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
BUILD = pathlib.Path(os.environ["JOIST_BINARY_DIR"])
SOURCE = pathlib.Path(os.environ["JOIST_SOURCE_DIR"])


def run(*command, **options):
    result = subprocess.run([str(part) for part in command], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            check=False, **options)
    if result.returncode != 0:
        raise AssertionError(f"{command} gave {result.returncode}:\n{result.stdout}")
    return result.stdout


class Package(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="joist 包 ")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_installed(self):
        run("cmake", "--install", BUILD, "--prefix", self.folder / "first", "--strip")
        prefix = (self.folder / "first").rename(self.folder / "moved")  # an installed joist does not know where it is

        for file in (prefix / "lib/cmake/joist").glob("*.cmake"):
            for line in file.read_text(encoding="utf-8").splitlines():
                self.assertNotIn(str(SOURCE), line, file)
                self.assertNotIn("find_dependency(", line, "users need no third-party package")
                self.assertNotIn("joist_private", line, "users need no third-party package")
        include = prefix / "include"
        headers = sorted(path.relative_to(include).as_posix() for path in include.rglob("*.h"))
        self.assertIn("joist/joist.h", headers)
        self.assertFalse([name for name in headers if name.startswith("joist/core/cpu")])
        every_header = self.folder / "headers.cpp"
        every_header.write_text("".join(f"#include <{name}>\n" for name in headers), encoding="utf-8")

        project = self.folder / "user"
        run("cmake", "-G", "Ninja", "-S", HERE / "installed", "-B", project, f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DHEADERS_SOURCE={every_header}")
        run("cmake", "--build", project)
        self.assertEqual(run(project / "user"), "gradient 6\n")
        self.assertTrue(run(prefix / "bin/joist", "--version").startswith("joist "))
        self.assertTrue((prefix / "libexec/joist/joist-hdf5-reader").is_file())

    def test_subdirectory(self):
        """Configures all of it and compiles the user's file; linking would build the whole library again."""
        project = self.folder / "user"
        run("cmake", "-G", "Ninja", "-S", HERE / "subdirectory", "-B", project, f"-DJOIST_SOURCE_DIR={SOURCE}")
        run("cmake", "--build", project, "--target", "user_code")
        self.assertIn("libjoist.so", run("ninja", "-C", project, "-t", "query", "user"))
        self.assertEqual(run("ctest", "--test-dir", project, "-N").count("Test #"), 0)


if __name__ == "__main__":
    unittest.main()
