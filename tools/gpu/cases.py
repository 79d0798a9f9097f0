"""The programs of cases on a GPU, in parts at once, so that a kernel that breaks its process hides no other case."""
import collections
import concurrent.futures
import os
import re
import subprocess
import time

NOT_RUN = ("no time was left", "")


def run_part(program, environment, seconds, **more):
    """(exit code, output) of a process; None for the code where it took too long."""
    try:
        done = subprocess.run([program], env={**environment, **more}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, errors="replace", timeout=max(seconds, 1))
        return done.returncode, done.stdout
    except subprocess.TimeoutExpired as late:
        text = late.stdout or b""
        return None, text.decode(errors="replace") if isinstance(text, bytes) else text


def names_of(text, result):
    return set(re.findall(rf"^\[ +{result} \] (\w+/\w+\.[\w/]+)", text, re.M))


def run_cases(program, environment, limit, parts=12, filters="*"):
    """Runs a GoogleTest program in `parts` processes at once, then each case that did not pass by itself.

    Returns (number of cases that passed, {name: (why, output)} of those that did not when they were alone)."""
    end = time.monotonic() + limit

    def part(number):
        return run_part(program, environment, end - time.monotonic(), GTEST_TOTAL_SHARDS=str(parts), GTEST_SHARD_INDEX=str(number),
                        GTEST_FILTER=filters)

    def alone(name):
        if end - time.monotonic() < 2:
            return name, NOT_RUN
        code, text = run_part(program, environment, min(60, end - time.monotonic()), GTEST_FILTER=name)
        return name, ("" if code == 0 else "too long" if code is None else f"exit code {code}", text)

    listed = collections.OrderedDict()
    suite = ""
    for line in subprocess.run([program, "--gtest_list_tests", f"--gtest_filter={filters}"], env=environment, capture_output=True,
                               text=True, timeout=60).stdout.splitlines():
        if not line.startswith(" "):
            suite = line.split("  #")[0].strip()
        else:
            listed[suite + line.split("  #")[0].strip()] = None
    with concurrent.futures.ThreadPoolExecutor(parts) as pool:
        texts = [text for _, text in pool.map(part, range(parts))]
        passed = set().union(*(names_of(text, "OK") for text in texts))
        failed = {name: told for name, told in pool.map(alone, [name for name in listed if name not in passed]) if told[0]}
    return len(listed) - len(failed), failed


def first_words(text):
    """What a case says first of its failure."""
    lines = [line for line in text.splitlines() if line and not re.match(r"\[|Note:|Running|$", line)]
    return " ".join(lines[:6])[:300]
