# ctest: TIMEOUT 300
"""The same command gives the same bits: twice, with 1, 2 and 4 loader threads, after SIGTERM and Ctrl-C, and from the config.toml that a
run wrote."""
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from training_runs import command, make_data, require_equal, result, run, train, JOIST


def stop_inside(data, out, number, more):
    """Sends a signal once the first epoch is in the log; returns the exit code."""
    process = subprocess.Popen(command(data, out, *more), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    log = pathlib.Path(out) / "log.csv"
    while process.poll() is None and not (log.exists() and log.read_text().count("\n") > 1):
        time.sleep(0.005)
    process.send_signal(number)
    return process.wait(timeout=60)


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        data, val = make_data(folder / "data"), make_data(folder / "val", pictures=4, seed=2)
        length = ["--val", val, "--epochs", 3]
        train(data, folder / "first", *length, "--loader-threads", 1)
        expected = result(folder / "first")
        for threads in (1, 2, 4):
            out = folder / f"threads{threads}"
            train(data, out, *length, "--loader-threads", threads)
            require_equal(result(out), expected, f"{threads} loader threads")

        for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130)):
            out = folder / f"signal{int(number)}"
            found = stop_inside(data, out, number, length)
            if found != code:
                sys.exit(f"signal {int(number)}: exit {found}, not {code}")
            run(JOIST, "train", "--resume", "--out", out)  # everything else is known
            require_equal(result(out), expected, f"resumed after signal {int(number)}")
            again = run(JOIST, "train", "--resume", "--out", out)
            if "finished" not in again.stdout:
                sys.exit(f"a finished run was resumed: {again.stdout}")

        run(JOIST, "train", "--config", folder / "first/config.toml", "--out", folder / "config")
        require_equal(result(folder / "config"), expected, "from config.toml")

        other = train(data, folder / "first", *length, "--resume", "--lr", 0.5, expect=2)
        if "--lr 0.5" not in other.stderr:
            sys.exit(f"the option that differs is not named: {other.stderr}")
        changed = make_data(folder / "changed", seed=3)
        train(changed, folder / "first", *length, "--resume", expect=3)
        require_equal(result(folder / "first"), expected, "after refused resumes")
    print("all the same")


if __name__ == "__main__":
    main()
