"""A run of tools/gpu_check: its folders, its environment, its time, and its steps with what came of them."""
import os
import pathlib
import subprocess
import time

import built


class NotDone(Exception):
    """The step could not be tried; the text says why."""


class CasesFailed(Exception):
    def __init__(self, summary):
        words = [f"{name} {said}" for name, said in list(summary.get("failures", {}).items())[:8]]
        counts = f"{summary['passed']} passed, {summary['failed']} failed, {summary['not_run']} were not run"
        super().__init__("\n   ".join([counts, *words]))
        self.summary = summary


class Run:
    NotDone = NotDone

    def __init__(self, given, root):
        self.given, self.began, self.steps, self.work = given, time.monotonic(), [], given.work.resolve()
        self.root = root
        self.work.mkdir(parents=True, exist_ok=True)
        self.build = built.unpacked(given.built, self.work) if given.built else self.work / "build"
        self.gpu = ""
        self.environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        if given.packed.is_dir():
            usr = given.packed.resolve() / "usr"
            libraries = f"{usr}/lib/x86_64-linux-gnu"
            for name, value in (("CPLUS_INCLUDE_PATH", f"{usr}/include:{usr}/include/x86_64-linux-gnu"),
                                ("LIBRARY_PATH", libraries), ("LD_LIBRARY_PATH", libraries),
                                ("CMAKE_PREFIX_PATH", str(usr)), ("PATH", f"{usr}/bin")):
                before = os.environ.get(name)
                self.environment[name] = value + (f":{before}" if before else "")
            self.environment["PKG_CONFIG"] = f"{usr}/bin/pkgconf"
            self.environment["PKG_CONFIG_LIBDIR"] = f"{libraries}/pkgconfig:{usr}/share/pkgconfig"
        # PyTorch brings its own libraries, and gets no others.
        self.libraries = self.environment.get("LD_LIBRARY_PATH", "")

    def find_libraries(self):
        """joist's programs load what --built carries, and CUDA's libraries where PyTorch has them."""
        try:
            places = self.command(self.given.python, "-c", "import importlib.util as u; s = u.find_spec('nvidia'); "
                                  "print(*(s.submodule_search_locations if s else []), sep='\\n')", limit=60).split("\n")
        except (NotDone, RuntimeError, OSError, subprocess.TimeoutExpired):
            places = []  # then joist looks by itself
        found = built.libraries(self.build, [place for place in places if place])
        self.libraries = ":".join(found + [self.libraries] if self.libraries else found)

    def left(self):
        return self.given.minutes * 60 - (time.monotonic() - self.began)

    def joist_environment(self, **more):
        return {**self.environment, "LD_LIBRARY_PATH": self.libraries, **more}

    def command(self, *words, limit, check=True, libraries=True, environment={}, **more):
        """Standard output; the last lines of all that was said where it failed."""
        limit = min(limit, self.left())
        if limit < 5:
            raise NotDone("no time was left")
        done = subprocess.run([str(word) for word in words], env=self.joist_environment(**environment) if libraries
                              else {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
                              capture_output=True, text=True, errors="replace", timeout=limit, **more)
        if check and done.returncode != 0:
            raise RuntimeError(f"{pathlib.Path(str(words[0])).name} ended with {done.returncode}: "
                               + "\n".join((done.stdout + done.stderr).strip().split("\n")[-12:]))
        return done if not check else done.stdout

    def wants(self, name):
        return not self.given.only or any(name.startswith(one) for one in self.given.only)

    def step(self, name, action):
        if not self.wants(name):
            return False
        start, entry = time.monotonic(), {"step": name, "state": "passed"}
        try:
            entry["result"] = action()
        except NotDone as why:
            entry |= {"state": "not done", "why": str(why)}
        except subprocess.TimeoutExpired as late:
            entry |= {"state": "failed", "why": f"not done within {late.timeout:.0f} s"}
        except CasesFailed as why:
            entry |= {"state": "failed", "why": str(why), "result": why.summary}
        except (RuntimeError, OSError, ValueError, KeyError, IndexError) as why:
            entry |= {"state": "failed", "why": f"{type(why).__name__}: {why}"}
        entry["seconds"] = round(time.monotonic() - start, 1)
        self.steps.append(entry)
        print(f"{entry['state']:9} {name:24} {entry['seconds']:6.1f} s  {entry.get('why', entry.get('result'))}"[:2000], flush=True)
        return entry["state"] == "passed"
