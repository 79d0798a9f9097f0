# ctest: TIMEOUT 300
"""kill -9 at 20 random moments of a short run, half of them aimed inside a save; resumed each time, the run ends with the same weights,
optimizer state and log, bit by bit, as the one that was never killed."""
import os
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

from training_runs import command, make_data, require_equal, result, train

KILLS = 20
RUN = ["--epochs", 4, "--save-every", 1, "--resume"]


def is_saving(out):
    try:
        return any(".tmp-" in name for name in os.listdir(out))
    except FileNotFoundError:
        return False


def kill_at_random(process, out, rng, inside_a_save, longest):
    """Returns whether the process was killed, and whether a save was under way."""
    end = time.monotonic() + rng.uniform(0, longest)
    while time.monotonic() < end and process.poll() is None:
        time.sleep(0.002)
    while inside_a_save and process.poll() is None and not is_saving(out):
        time.sleep(0.0005)
    saving = is_saving(out)
    process.send_signal(signal.SIGKILL) if process.poll() is None else None
    return process.wait() == -signal.SIGKILL, saving


def main():
    seed = int(os.environ.get("JOIST_TEST_SEED", time.time_ns() % 1_000_000))
    rng = random.Random(seed)
    print(f"seed {seed} (JOIST_TEST_SEED repeats the moments)")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        data, val = make_data(folder / "data"), make_data(folder / "val", pictures=4, seed=2)
        began = time.monotonic()
        train(data, folder / "whole", "--val", val, *RUN)
        longest = (time.monotonic() - began) * 0.3
        expected = result(folder / "whole")

        killed = inside = runs = 0
        while killed < KILLS:
            runs += 1
            out = folder / f"run{runs}"
            while True:
                process = subprocess.Popen(command(data, out, "--val", val, *RUN), stdout=subprocess.DEVNULL,
                                           stderr=subprocess.PIPE, text=True)
                if killed >= KILLS:
                    if process.wait(timeout=120) != 0:
                        sys.exit(f"the last resume failed: {process.stderr.read()}")
                    break
                was_killed, saving = kill_at_random(process, out, rng, killed % 2 == 1, longest)
                if not was_killed:
                    if process.returncode != 0:
                        sys.exit(f"after {killed} kills: exit {process.returncode}\n{process.stderr.read()}")
                    break
                killed += 1
                inside += saving
            require_equal(result(out), expected, f"run {runs} after {killed} kills (seed {seed})")
            left = [file.name for file in out.iterdir() if ".tmp-" in file.name]
            if left:
                sys.exit(f"temporary files are left: {left}")
        print(f"{killed} kills in {runs} runs, {inside} of them inside a save; all as the run that was never killed")
        if inside < KILLS // 4:
            sys.exit(f"only {inside} kills hit a save: the test does not test what it says")


if __name__ == "__main__":
    main()
