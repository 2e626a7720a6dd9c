"""A picture of bench.py's rows: how many times faster than the peers, two workers."""

from html import escape

METRICS = {"decode_tokens_per_second": "decode", "prefill_128_tokens_per_second": "prompt 128",
           "prefill_512_tokens_per_second": "prompt 512", "contract_gflops": "product"}
COLOURS = {"llama.cpp": "#3b6fb6", "ONNX Runtime": "#8a5fa8", "OpenBLAS (NumPy)": "#b06a2c", "ingot --launch=eager": "#7a8a8a",
           "PyTorch eager": "#c9463d", "PyTorch inductor": "#e39a3b"}
LEGEND = 3  # peers in a line
LABELS, BAR, STEP, TOP, WIDTH = 250, 14, 20, 60, 760


def bars(rows):
    """(label, peer, ratio) of the rows that belong into the picture."""
    found = [row for row in rows if row["metric"] in METRICS and row["workers"] == 2 and row["ratio"]]
    return [(f"{METRICS[row['metric']]}  {row['case']}  {row['precision']}", row["peer_name"], row["ratio"]) for row in found]


def text(x, y, content, anchor="start", extra=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" {extra}>{escape(content)}</text>'


def picture(rows):
    """SVG text: a bar per comparison, a line where both are equal; bars beyond the edge are cut and say their length."""
    shown = bars(rows)
    height = TOP + STEP * len(shown) + 16
    most = min(6.0, max([1.5, *(ratio for _, _, ratio in shown)]))
    scale = (WIDTH - LABELS - 60) / most
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="11">',
           f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
           text(10, 16, "Times faster than the peer, two workers", extra='font-size="13" font-weight="bold"')]
    for i, (peer, colour) in enumerate(COLOURS.items()):
        x, y = 10 + 150 * (i % LEGEND), 24 + 16 * (i // LEGEND)
        out += [f'<rect x="{x}" y="{y}" width="10" height="10" fill="{colour}"/>', text(x + 14, y + 9, peer)]
    for i, (label, peer, ratio) in enumerate(shown):
        y = TOP + STEP * i
        length = scale * min(ratio, most)
        out += [text(LABELS - 8, y + 11, label, "end"),
                f'<rect x="{LABELS}" y="{y}" width="{length:.1f}" height="{BAR}" fill="{COLOURS.get(peer, "#555555")}"/>',
                text(LABELS + length + 4, y + 11, f"{ratio:.2f}")]
    x = LABELS + scale
    dashed = 'stroke="#222222" stroke-dasharray="3 2"'
    out += [f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 4}" y2="{height - 12}" {dashed}/>', "</svg>"]
    return "\n".join(out) + "\n"
