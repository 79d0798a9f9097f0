"""From runs to ratios, means and the table."""
import math
import statistics

median = statistics.median


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "unknown")
    except OSError:
        return "unknown"


def difference(ours, theirs):
    """Largest relative difference of the losses; infinite where one is not finite or too few steps were run."""
    if len(ours) < 5 or len(ours) != len(theirs) or not all(map(math.isfinite, ours + theirs)):
        return math.inf
    return max(abs(a - b) / max(abs(b), 1e-6) for a, b in zip(ours, theirs))


def fall_difference(ours, theirs):
    """How far the falls of the loss from the first to the last step differ, relative to PyTorch's: a wrong gradient or optimizer."""
    fall = theirs[0] - theirs[-1]
    return abs((ours[0] - ours[-1]) - fall) / max(abs(fall), 1e-9)


def side(runs):
    """One side's runs: the median over the runs of each run's median step."""
    return {"step_ms": median([median(run["step_ms"]) for run in runs]),
            "first_step_ms": median([run["first_step_ms"] for run in runs]),
            "peak_rss_bytes": median([run["peak_rss_bytes"] for run in runs]), "runs": runs}


def workload_result(workload, mode, pairs, trials, failed_modes, tolerance, fall_tolerance):
    """`pairs`: (joist's run, PyTorch's run) of each round. Ratios are there only where the losses agree."""
    ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    worst = max(difference(one["losses"], other["losses"]) for one, other in pairs)
    fall = max(fall_difference(one["losses"], other["losses"]) for one, other in pairs)
    same_size = ours[0]["parameters"] == theirs[0]["parameters"]
    result = {"workload": workload.name, "batch": workload.batch, "size": workload.size, "mode": mode,
              "parameters": ours[0]["parameters"], "loss_difference": worst, "fall_difference": fall,
              "agrees": worst <= tolerance and fall <= fall_tolerance and same_size,
              "joist": side(ours), "torch": side(theirs), "torch_modes_ms":
              {name: median(run["step_ms"]) for name, run in trials.items()}, "failed_modes": failed_modes,
              "versions": {"torch": theirs[0]["torch"]},
              "instruction_sets": {"joist": ours[0]["instruction_set"], "torch": theirs[0]["instruction_set"]}}
    if not result["agrees"]:
        result["why"] = (f"losses differ by {worst:.1e} (allowed {tolerance:.0e}), their fall by {fall:.1e} (allowed "
                         f"{fall_tolerance:.0e}): joist {shown(ours[0]['losses'])}, PyTorch {shown(theirs[0]['losses'])}"
                         if same_size else
                         f"{ours[0]['parameters']} parameters, PyTorch's model has {theirs[0]['parameters']}")
        return result
    ratios = [median(other["step_ms"]) / median(one["step_ms"]) for one, other in pairs]
    result["ratio"] = {"median": median(ratios), "min": min(ratios), "max": max(ratios)}
    result["memory_ratio"] = result["joist"]["peak_rss_bytes"] / result["torch"]["peak_rss_bytes"]
    # Backward computes two products for each of forward's.
    result["joist_gflops"] = 3 * ours[0]["forward_flops"] / result["joist"]["step_ms"] / 1e6
    return result


def shown(losses):
    return " ".join(f"{loss:.6g}" for loss in losses)


def means(results):
    """Geometric means over the workloads that have a ratio."""
    found = [result for result in results if "ratio" in result]
    if not found:
        return {"geometric_mean_ratio": None, "geometric_mean_memory_ratio": None}
    return {"geometric_mean_ratio": statistics.geometric_mean([result["ratio"]["median"] for result in found]),
            "geometric_mean_memory_ratio": statistics.geometric_mean([result["memory_ratio"] for result in found])}


def roofline_range(roofs):
    """name -> [least, most] of what was measured between the workloads."""
    names = ("fma_gflops", "gemm_gflops", "copy_gb_per_second")
    return {name: [min(roof[name] for roof in roofs), max(roof[name] for roof in roofs)] for name in names} if roofs else {}


def line(result):
    """One workload as text."""
    if "ratio" not in result:
        return f"{result['workload']}: not compared: {result.get('why') or result.get('skipped') or result.get('failed')}"
    ratio = result["ratio"]
    return (f"{result['workload']}: joist {result['joist']['step_ms']:.1f} ms, PyTorch {result['torch']['step_ms']:.1f} ms "
            f"({result['mode']}), ratio {ratio['median']:.2f} ({ratio['min']:.2f}..{ratio['max']:.2f})")


def agreement(results):
    """What --losses-only prints: a line per workload."""
    return "\n".join(f"{result['workload']}: losses agree to {result['loss_difference']:.0e}, their fall to "
                     f"{result['fall_difference']:.0e}" if result.get("agrees") else line(result) for result in results)


def table(outcome):
    """The README's table, with machine, versions and date."""
    versions = {result["versions"]["torch"] for result in outcome["workloads"] if "versions" in result}
    sets = {name for result in outcome["workloads"] for name in result.get("instruction_sets", {}).values()}
    lines = [f"{outcome['processor']}, {outcome['threads']} threads, instructions: {', '.join(sorted(sets)) or 'unknown'}"
             f"{', bfloat16 products' if outcome['bfloat16'] else ''}; {outcome['joist']}, "
             f"PyTorch {', '.join(sorted(versions)) or 'unknown'}; {outcome['date']}; dropout and stochastic depth off on both sides"]
    if outcome["roofline"]:
        span = {name: f"{low:.0f}..{high:.0f}" for name, (low, high) in outcome["roofline"].items()}
        lines.append(f"Roofline meanwhile: {span['fma_gflops']} GFLOP/s FMA, {span['gemm_gflops']} GFLOP/s large GEMM, "
                     f"{span['copy_gb_per_second']} GB/s large copy (read + written)")
    rows = [("workload", "joist ms/step", "PyTorch ms/step", "its best mode", "ratio (min..max)", "joist GFLOP/s", "joist peak GB",
             "PyTorch peak GB", "memory ratio", "loss difference")]
    notes = []
    for result in outcome["workloads"]:
        rows.append(row(result))
        if "ratio" not in result:
            notes.append(line(result))
        notes += [f"{result['workload']}: PyTorch's mode {mode} failed: {text.strip().splitlines()[-1][:200]}"
                  for mode, text in result.get("failed_modes", {}).items()]
    lines += ["", *markdown(rows)]
    if outcome["geometric_mean_ratio"] is not None:
        lines += ["", f"Geometric means: time ratio PyTorch / joist {outcome['geometric_mean_ratio']:.2f}, memory ratio joist / "
                      f"PyTorch {outcome['geometric_mean_memory_ratio']:.2f}"]
    return "\n".join(lines + ([""] + notes if notes else []))


def row(result):
    if "joist" not in result:
        return (result["workload"], *["-"] * 9)
    agreed = "ratio" in result
    ratio = result.get("ratio")
    return (f"{result['workload']} {result['size']}, batch {result['batch']}", f"{result['joist']['step_ms']:.1f}",
            f"{result['torch']['step_ms']:.1f}", result["mode"],
            f"{ratio['median']:.2f} ({ratio['min']:.2f}..{ratio['max']:.2f})" if agreed else "none",
            f"{result['joist_gflops']:.0f}" if agreed else "-", f"{result['joist']['peak_rss_bytes'] / 1e9:.2f}",
            f"{result['torch']['peak_rss_bytes'] / 1e9:.2f}", f"{result['memory_ratio']:.2f}" if agreed else "none",
            f"{result['loss_difference']:.0e}")


def markdown(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    shown_rows = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    return [shown_rows[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *shown_rows[1:]]
