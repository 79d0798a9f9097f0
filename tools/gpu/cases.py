"""A GoogleTest program on a GPU, in several processes at once: a kernel that breaks its process hides no other case."""
import collections
import concurrent.futures
import dataclasses
import os
import re
import subprocess
import tempfile
import time

# Seconds without a word after which a process hangs, and of one case alone.
SILENT, ALONE = 60, 60
# Names that one filter may hold: an environment variable has 128 KiB at most.
MOST_NAMES = 800
MARK = re.compile(r"^\[ +(RUN|OK|FAILED|SKIPPED) +\] ([^\s,]+\.[^\s,]+)")
COMPLAINT = re.compile(r"^=========\s+(Invalid|Error|.*[Hh]azard|.*race|Barrier|Uninitialized|Program hit)")


@dataclasses.dataclass
class Outcome:
    passed: int = 0
    failed: dict = dataclasses.field(default_factory=dict)  # name: (why, output), each in a process of its own
    not_run: list = dataclasses.field(default_factory=list)  # no time was left
    broken: int = 0  # cases that ended their process, or made the rest of it fail


def ended(command, environment, seconds, silent=SILENT):
    """(exit code, output) of a process; None for the code where it was ended after that time, or long silence."""
    with tempfile.TemporaryFile() as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)
        begun = heard = time.monotonic()
        size, code = 0, None
        while code is None:
            try:
                code = process.wait(timeout=0.2)
            except subprocess.TimeoutExpired:
                now, written = time.monotonic(), os.fstat(file.fileno()).st_size
                heard, size = (now, written) if written != size else (heard, size)
                if now - begun > seconds or now - heard > silent:
                    process.kill()
                    process.wait()
                    break
        file.seek(0)
        return code, file.read().decode(errors="replace")


def told(text):
    """{case: state} in the order in which the cases ran: RUN where it did not end, BAD where a sanitizer complained."""
    states, last = collections.OrderedDict(), None
    for line in text.splitlines():
        mark = MARK.match(line)
        if mark:
            last = mark[2]
            if states.get(last) != "BAD" or mark[1] == "FAILED":
                states[last] = mark[1]
        elif last and COMPLAINT.match(line):
            states[last] = "BAD"
    return states


class Cases:
    """`command` ends with the program; a sanitizer may stand before it."""

    def __init__(self, command, environment, limit, parts, filters="*"):
        self.command, self.environment, self.parts, self.filters = [str(word) for word in command], environment, parts, filters
        self.end = time.monotonic() + limit
        self.outcome = Outcome()
        self.without_cases = ""  # what a process said that ran none

    def left(self):
        return self.end - time.monotonic()

    def run(self):
        waiting, suspects = self.listed(), []
        first = True
        with concurrent.futures.ThreadPoolExecutor(self.parts) as pool:
            while waiting and self.left() > 2:
                number = max(self.parts, -(-len(waiting) // MOST_NAMES))
                groups = [waiting[i::number] for i in range(number) if waiting[i::number]]
                found = list(pool.map(lambda group: self.group(group, first and self.filters), range(number) if first else groups))
                first = False
                self.outcome.broken += sum(broke for _, _, broke in found)
                passed = set().union(*(good for good, _, _ in found))
                new = [name for _, bad, _ in found for name in bad if name not in passed]
                suspects += new
                still = [name for name in waiting if name not in passed and name not in set(new)]
                self.outcome.passed += len(set(waiting) & passed)
                if len(still) == len(waiting) and self.without_cases and not new:
                    raise RuntimeError(f"no case was run: {self.without_cases}")
                if len(still) == len(waiting):  # nothing moves: each alone
                    suspects, still = suspects + still, []
                waiting = still
            self.outcome.not_run += waiting
            for name, state in pool.map(self.alone, suspects):
                if state is None:
                    self.outcome.not_run.append(name)
                elif state[0]:
                    self.outcome.failed[name] = state
                else:
                    self.outcome.passed += 1
        return self.outcome

    def listed(self):
        done = subprocess.run([self.command[-1], "--gtest_list_tests", f"--gtest_filter={self.filters}"], env=self.environment,
                              capture_output=True, text=True, errors="replace", timeout=max(self.left(), 1))
        if done.returncode != 0:
            raise RuntimeError(f"the cases cannot be listed: exit code {done.returncode} {(done.stdout + done.stderr)[-600:]}")
        names, suite = [], ""
        for line in done.stdout.splitlines():
            name = line.split("#")[0].strip()
            if line.startswith("  "):
                names.append(suite + name)
            elif name.endswith("."):
                suite = name
        if not names:
            raise RuntimeError(f"there are no cases {self.filters}")
        return names

    def group(self, group, filters):
        """Cases that passed, and those to be tried alone: what failed before others passed, and the first that failed
        after which none did. The rest behind that one, which broke the process, is left to the next round."""
        if filters:
            more = {"GTEST_TOTAL_SHARDS": str(self.parts), "GTEST_SHARD_INDEX": str(group), "GTEST_FILTER": filters}
        else:
            more = {"GTEST_FILTER": ":".join(group)}
        code, text = ended(self.command, {**self.environment, **more}, self.left())
        states = told(text)
        names = list(states)
        if not names and code:
            self.without_cases = f"exit code {code} {first_words(text)}"
        good = {name for name, state in states.items() if state in ("OK", "SKIPPED")}
        last_good = max((i for i, name in enumerate(names) if name in good), default=-1)
        bad = [name for name in names[:last_good] if name not in good]
        behind = names[last_good + 1:]
        broke = False
        if behind and not (code is None and self.left() < 2):  # else time ended, and no case
            bad.append(behind[0])
            broke = len(behind) > 1 or code is None or code < 0
        if code not in (0, None) and not bad and names:  # what a sanitizer says in the end
            bad, good = names, set()
        return good, bad, broke

    def alone(self, name):
        if self.left() < 2:
            return name, None
        seconds = min(ALONE, self.left())
        code, text = ended(self.command, {**self.environment, "GTEST_FILTER": name}, seconds)
        if code is None and seconds < ALONE:
            return name, None
        return name, ("" if code == 0 else "hangs" if code is None else f"exit code {code}", text)


def first_words(text):
    """What a case says first of its failure."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not re.match(r"\[|Note:|Running|=+ COMPUTE", line)]
    return " ".join(lines[:6])[:300]


def report(outcome, file):
    """Writes everything that failures said; (summary, whether all passed)."""
    if outcome.failed:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"=== {name}: {why}\n{text}\n" for name, (why, text) in outcome.failed.items()))
    summary = {"passed": outcome.passed, "failed": len(outcome.failed), "not_run": len(outcome.not_run), "broke_processes": outcome.broken}
    if outcome.failed:
        summary["failures"] = {name: f"{why}: {first_words(text)}" for name, (why, text) in list(outcome.failed.items())[:40]}
        summary["output"] = str(file)
    return summary
