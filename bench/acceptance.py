"""The project's targets for a CPU, checked against rows of bench.py: two workers unless a line says otherwise."""

LLAMA, EAGER, OPENBLAS = "llama.cpp", "ingot --launch=eager", "OpenBLAS (NumPy)"
TORCH = ("PyTorch eager", "PyTorch inductor")


def find(rows, case, metric, precision=None, peer=None, workers=2):
    """Rows of a case, whose model may be trained or seeded: "260K" is both stories260K and seeded-260K."""
    return [row for row in rows if row["case"].endswith(case) and row["metric"] == metric
            and precision in (None, row["precision"]) and peer in (None, row["peer_name"]) and workers in (None, row["workers"])]


def verdict(values, ok, show):
    """Measured and met: the values as text, and whether all are fine."""
    if not values:
        return "", "not measured"
    return ", ".join(map(show, values)), "yes" if all(map(ok, values)) else "**no**"


def at_least(rows, field, bound):
    values = [row[field] for row in rows if row[field] is not None]
    show = (lambda value: f"{value:.0%}") if field == "roofline" else (lambda value: f"{value:.2f}x")
    return verdict(values, lambda value: value >= bound, show)


def below(rows, bound, unit):
    return verdict([row["ours"] for row in rows], lambda value: value < bound, lambda value: f"{value:.3g} {unit}")


def decoding(rows):
    for precision, case, bound, share in (("f32", "260K", 2.5, None), ("f32", "15M", 1.5, None), ("f32", "110M", 0.95, 0.85),
                                          ("bf16", "15M", 1.5, None), ("bf16", "110M", 0.95, 0.85), ("bf16", "1.1B", 0.95, 0.85)):
        found = find(rows, case, "decode_tokens_per_second", precision, LLAMA)
        yield f"decode {case} {precision}", f">= {bound}x {LLAMA}", *at_least(found, "ratio", bound)
        if share:
            yield f"decode {case} {precision}", f">= {share:.0%} of the read loop", *at_least(found, "roofline", share)


def throughput(rows):
    for precision, cases in (("f32", ("15M", "110M")), ("bf16", ("15M", "110M", "1.1B"))):
        for case in cases:
            found = find(rows, case, "prefill_128_tokens_per_second", precision, LLAMA)
            yield f"prompt of 128, {case} {precision}", f">= 1.1x {LLAMA}", *at_least(found, "ratio", 1.1)
    cube = "1024 x 1024 x 1024"
    found = find(rows, cube, "contract_gflops", "f32", OPENBLAS)
    yield f"{cube} f32", ">= 0.95x OpenBLAS", *at_least(found, "ratio", 0.95)
    found = find(rows, cube, "contract_gflops", "bf16")[:1]  # a row per peer, of the same product of ours
    yield f"{cube} bf16", ">= 80% of the measured peak", *at_least(found, "roofline", 0.8)


def robustness(rows):
    found = [row for row in rows if row["peer_name"] == EAGER]
    ratios = sorted(row["ratio"] for row in found)[:1]
    yield ("megakernel over eager arm, worst of all models and workers", ">= 0.98x",
           *verdict(ratios, lambda value: value >= 0.98, lambda value: f"{value:.2f}x"))
    found = [row for row in rows if row["metric"] == "busy_share_of_idle"]
    shares = sorted(row["ours"] for row in found)[:1]
    yield ("throughput beside a busy process per core, worst", ">= 40% of idle (half is fair)",
           *verdict(shares, lambda value: value >= 0.4, lambda value: f"{value:.0%}"))


def starting(rows):
    for case, bound in (("260K", 10), ("15M", 20)):
        found = find(rows, case, "process_to_first_token_ms")
        yield f"process start to first token, {case}", f"< {bound} ms", *below(found, bound, "ms")
    found = find(rows, "", "resident_bytes")
    over = [(row["ours"] - row["peer"]) / 2**20 + 8 for row in found]
    yield ("resident beyond mapped weights, state and arena", "<= 8 MiB",
           *verdict(sorted(over)[-1:], lambda value: value <= 8, lambda value: f"{value:.1f} MiB at most"))
    for case, bound in (("260K", 5), ("110M", 20)):
        found = find(rows, case, "compile_seconds", workers=None)
        yield f"compile {case}", f"< {bound} s", *below(found, bound, "s")
    found = find(rows, "1.1B", "compile_resident_bytes", workers=None)
    yield ("compile 1.1B: most resident", "<= checkpoint + artifact + 512 MiB (weights are copied once)",
           *verdict([(row["ours"], row["peer"]) for row in found], lambda pair: pair[0] <= pair[1] + (512 << 20),
                    lambda pair: f"{pair[0] / 2**30:.2f} of {pair[1] / 2**30:.2f} GiB"))


def training(rows):
    """Steps of training against the faster way of PyTorch: both rows have to be there."""
    for precision, bound in (("f32", 1.3), ("bf16", 1.5)):
        for case in ("10M, 4 x 64", "10M, 8 x 128", "124M, 4 x 64", "124M, 8 x 128"):
            found = find(rows, case, "train_tokens_per_second", precision)
            ratios = [row["ratio"] for row in found if row["peer_name"] in TORCH]
            slower = [min(ratios)] if len(ratios) == len(TORCH) else []
            yield (f"train GPT {case}, {precision}", f">= {bound}x the faster of PyTorch eager and inductor",
                   *verdict(slower, lambda value: value >= bound, lambda value: f"{value:.2f}x"))
            if precision == "f32" and case.startswith("124M"):
                yield f"train GPT {case}, {precision}", ">= 60% of the measured peak", *at_least(found[:1], "roofline", 0.6)
    found = find(rows, "124M, 4 x 64", "compile_seconds", "f32", workers=None)
    yield ("compile GPT 124M, 4 x 64, with its step of training", "<= 60 s",
           *verdict([row["ours"] for row in found], lambda value: value <= 60, lambda value: f"{value:.3g} s"))


def check(rows):
    """[what, target, measured, met] of every target."""
    return [list(entry) for part in (decoding, throughput, robustness, starting, training) for entry in part(rows)]
