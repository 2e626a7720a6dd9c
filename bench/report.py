"""Rows of bench.py as text."""

import json

import acceptance
import plot

UNITS = {
    "decode_tokens_per_second": "tokens/s",
    "prefill_128_tokens_per_second": "tokens/s",
    "prefill_512_tokens_per_second": "tokens/s",
    "contract_gflops": "GFLOP/s",
    "train_tokens_per_second": "tokens/s",
    "loss_difference": "of the peer's",
    "logits_difference": "of the greatest",
    "read_bandwidth": "bytes/s",
    "busy_share_of_idle": "of idle",
    "open_to_first_token_ms": "ms",
    "process_to_first_token_ms": "ms",
    "resident_bytes": "bytes",
    "compile_seconds": "s",
    "compile_resident_bytes": "bytes",
    "verify_seconds": "s",
    "rebuild_seconds": "s",
    "library_bytes": "bytes",
    "kv_bytes_per_token": "bytes",
}
LOWER_IS_BETTER = {metric for metric in UNITS if metric.endswith(("_ms", "_seconds", "_bytes"))} | {"kv_bytes_per_token"}
LOWER_IS_BETTER -= {metric for metric in UNITS if metric.endswith("per_second")}

SECTIONS = {
    "Decoding": ["decode_tokens_per_second", "read_bandwidth"],
    "Prompts": ["prefill_128_tokens_per_second", "prefill_512_tokens_per_second"],
    "Matrix products": ["contract_gflops"],
    "Training": ["train_tokens_per_second"],
    "Same results": ["logits_difference", "loss_difference"],
    "Starting and memory": ["open_to_first_token_ms", "process_to_first_token_ms", "resident_bytes", "library_bytes",
                            "kv_bytes_per_token"],
    "Busy neighbours": ["busy_share_of_idle"],
    "Compiling": ["compile_seconds", "compile_resident_bytes", "verify_seconds", "rebuild_seconds"],
}
HEAD = ["case", "precision", "workers", "metric", "ours", "spread", "peer", "peer's", "times better", "of roofline", "busy"]


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:.3g}"


def share(value):
    return "" if value is None else f"{value:.0%}"


def cells(row):
    return [row["case"], row["precision"] or "", number(row["workers"]), row["metric"],
            f"{number(row['ours'])} {UNITS[row['metric']]}", share(row["spread"]), row["peer_name"] or "", number(row["peer"]),
            number(row["ratio"]), share(row["roofline"]), share(row["busy"])]


def line(row):
    return "  ".join(cell for cell in cells(row) if cell)


def key(row):
    return row["case"], row["precision"], row["metric"], row["workers"], row["peer_name"]


def merged(old, new):
    """Rows of an earlier run that this one did not measure again, and the new ones."""
    measured = {key(row) for row in new}
    return [row for row in old if key(row) not in measured] + new


def markdown(head, rows, align):
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(align) + "|"]
    return [*lines, *("| " + " | ".join(row) + " |" for row in rows), ""]


def table(rows, skipped, picture=None):
    lines = ["# Measured on a CPU", "", "Written by `make bench`; what the columns mean stands in [README.md](README.md), how it",
             "is measured in [performance.md](../performance.md).", ""]
    lines += [f"{device}, {date}." for device, date in dict.fromkeys((row["device"], row["date"]) for row in rows)] + [""]
    if picture:
        lines += [f"![How many times faster than the peers]({picture})", ""]
    lines += ["## Targets", ""]
    lines += markdown(["what", "target", "measured", "met"], acceptance.check(rows), ["---"] * 4)
    align = ["---", "---", "---:", "---", "---:", "---:", "---", "---:", "---:", "---:", "---:"]
    for title, metrics in SECTIONS.items():
        if found := [row for row in rows if row["metric"] in metrics]:
            lines += [f"## {title}", "", *markdown(HEAD, [cells(row) for row in found], align)]
    if skipped:
        lines += ["## Left out", ""] + [f"- {entry}" for entry in skipped] + [""]
    return "\n".join(lines)


def write(folder, name, rows, skipped):
    """NAME.json for machines, NAME.md for people, NAME.svg for both."""
    (folder / f"{name}.json").write_text(json.dumps(rows, indent=1) + "\n")
    (folder / f"{name}.svg").write_text(plot.picture(rows))
    (folder / f"{name}.md").write_text(table(rows, skipped, f"{name}.svg"))
