"""What `joist doctor` says of the GPU where its library is missing, broken, of another build, or there without a driver."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = pathlib.Path(os.environ["JOIST_BINARY_DIR"])
OTHER = 'extern "C" const char* joist_cuda_abi() { return "another build"; }'


class Plugin(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        for part in ("bin/joist", "lib/libjoist.so.0"):
            (self.folder / part).parent.mkdir(exist_ok=True)
            shutil.copy(BUILD / part, self.folder / part)
        self.library = self.folder / "lib/libjoist_cuda.so"

    def doctor(self):
        done = subprocess.run([self.folder / "bin/joist", "doctor"], capture_output=True, text=True, check=True)
        return next(line for line in done.stdout.splitlines() if line.startswith("gpu"))

    def bench(self, device):
        return subprocess.run([self.folder / "bin/joist", "bench", "train", "--model", "mnist_cnn", "--batch", "2",
                               "--steps", "1", "--device", device], capture_output=True, text=True)

    def test_missing(self):
        done = self.bench("auto")
        self.assertEqual((done.returncode, done.stderr), (0, ""))  # not a machine for GPUs: nothing to say
        self.assertRegex(self.doctor(), "not used: libjoist_cuda.so is not beside libjoist.*JOIST_WITH_CUDA")

    def test_broken(self):
        self.library.write_bytes(b"no library")
        self.assertRegex(self.doctor(), "not used: CUDA's backend could not be loaded: .*libjoist_cuda.so")

    def test_of_another_build(self):
        source = self.folder / "other.cpp"
        source.write_text(OTHER)
        compiler = shutil.which("c++") or shutil.which("g++")
        if not compiler:
            self.skipTest("no C++ compiler")
        subprocess.run([compiler, "-shared", "-fPIC", "-o", self.library, source], check=True)
        self.assertRegex(self.doctor(), "not used: .*libjoist_cuda.so belongs to another version of joist; install joist again")

    @unittest.skipUnless((BUILD / "lib/libjoist_cuda.so").exists(), "built without CUDA")
    def test_without_a_driver(self):
        if pathlib.Path("/dev/nvidiactl").exists():
            self.skipTest("a GPU is there")
        shutil.copy(BUILD / "lib/libjoist_cuda.so", self.library)
        self.assertRegex(self.doctor(), "not used: no NVIDIA driver is installed")
        self.assertEqual(self.bench("cuda").returncode, 4)
        self.assertRegex(self.bench("cuda").stderr, "cuda:0: no NVIDIA driver is installed(.|\\n)*--device cpu")
        by_itself = self.bench("auto")
        self.assertEqual(by_itself.returncode, 0, by_itself.stderr)
        if not pathlib.Path("/dev/dxg").exists():
            self.assertNotIn("GPU", by_itself.stderr)  # nor does a machine without one complain

    @unittest.skipUnless((BUILD / "lib/libjoist_cuda.so").exists(), "built without CUDA")
    def test_libraries_have_the_functions(self):
        """Of what is installed, every function that joist asks for is found; of what is not, what to install is said."""
        program = ("import ctypes; plugin = ctypes.CDLL(r'" + str(BUILD / "lib/libjoist_cuda.so") + "'); "
                   "plugin.joist_cuda_libraries.restype = ctypes.c_char_p; print(plugin.joist_cuda_libraries().decode())")
        said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        known = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True).stdout
        for name, package in (("libcublasLt.so.13", "nvidia-cublas"), ("libnccl.so.2", "nvidia-nccl"),
                              ("libcudnn.so.9", "nvidia-cudnn")):
            if name in known:
                self.assertNotIn(name, said)
            else:
                self.assertRegex(said, f"(?s){name} is needed on the GPU.*{package}")
        self.assertNotIn("has no function", said)


if __name__ == "__main__":
    unittest.main()
