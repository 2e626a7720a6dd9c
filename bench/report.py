"""Rows of bench.py as text."""

UNITS = {
    "decode_tokens_per_second": "tokens/s",
    "prefill_tokens_per_second": "tokens/s",
    "read_bandwidth": "bytes/s",
    "compile_seconds": "s",
    "verify_seconds": "s",
    "rebuild_seconds": "s",
    "open_to_first_token_ms": "ms",
    "process_to_first_token_ms": "ms",
    "library_bytes": "bytes",
    "kv_bytes_per_token": "bytes",
}


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def share(value):
    return "" if value is None else f"{value:.0%}"


def cells(row):
    return [row["case"], row["metric"], number(row["workers"]), f"{number(row['ours'])} {UNITS[row['metric']]}",
            share(row["spread"]), row["peer_name"] or "", number(row["peer"]), number(row["ratio"]),
            share(row["roofline"]), share(row["busy"])]


def line(row):
    return "  ".join(cell for cell in cells(row) if cell)


HEAD = ["case", "metric", "workers", "ours", "spread", "peer", "peer's", "times better", "of roofline", "busy"]


def table(rows, skipped, busy):
    lines = ["# Measured on a CPU", "", "Written by `make bench`; what the columns mean stands in [README.md](README.md).", ""]
    for device in dict.fromkeys((row["device"], row["date"]) for row in rows):
        lines += [f"{device[0]}, {device[1]}. Others used {busy:.0%} of the machine when the last run began.", ""]
        lines += ["| " + " | ".join(HEAD) + " |", "|---|---|" + "---:|" * 3 + "---|" + "---:|" * 4]
        lines += ["| " + " | ".join(cells(row)) + " |" for row in rows if (row["device"], row["date"]) == device]
        lines += [""]
    if skipped:
        lines += ["Left out:", ""] + [f"- {entry}" for entry in skipped] + [""]
    return "\n".join(lines)
