"""The arithmetic of `make bench`: no peers, no timing."""

import json
import pathlib
import sys
import xml.etree.ElementTree

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import acceptance  # noqa: E402
import children  # noqa: E402
import method  # noqa: E402
import plot  # noqa: E402
import report  # noqa: E402
import train_data  # noqa: E402
import training  # noqa: E402


def rounds(*values, others=0.0):
    """Rounds of arms a and b."""
    return [method.Round(dict(zip("ab", pair)), others) for pair in values]


def row(**fields):
    empty = dict(case="seeded-15M", precision="f32", workers=2, metric="decode_tokens_per_second", ours=30.0, peer=20.0,
                 peer_name="llama.cpp", ratio=1.5, roofline=0.5, spread=0.02, device="a machine", date="2030-01-01", busy=0.0)
    return {**empty, **fields}


def test_ratio_is_the_median_over_rounds_and_not_of_medians():
    # The machine became slower: medians would compare 20 with 4, rounds compare like with like.
    summary = method.summarise(rounds((40, 10), (20, 4), (4, 2)), "a", "b")
    assert summary.ours == 20 and summary.peer == 4
    assert summary.ratio == 4


def test_ratio_of_times_turns_around():
    assert method.summarise(rounds((2, 6)), "a", "b", better="lower").ratio == 3


def test_roofline_uses_what_the_machine_allowed_in_the_same_round():
    summary = method.summarise(rounds((8, 10), (4, 5), (9, 9)), "a", bound=lambda values: values["b"])
    assert summary.roofline == pytest.approx(0.8)
    assert summary.ratio is None and summary.peer is None


def test_spread_is_the_distance_of_quartiles_over_the_median():
    assert method.spread([1, 2, 3, 4, 5]) == pytest.approx(2 / 3)
    assert method.spread([7, 7, 7]) == 0
    assert method.spread([1, 2]) is None


def test_disturbed_rounds_are_dropped():
    quiet, disturbed = rounds((1, 1), (2, 1)), rounds((100, 1), others=2 * method.QUIET)
    assert method.keep(quiet + disturbed, 3) == quiet


def test_on_a_busy_machine_the_least_disturbed_rounds_stay():
    some = [method.Round({"a": i}, others) for i, others in enumerate((0.9, 0.0, 0.5, 0.7))]
    assert [round_.others for round_ in method.keep(some, 3)] == [0.0, 0.5, 0.7]
    assert method.summarise(method.keep(some, 3), "a").busy == 0.5


def test_arms_take_turns_in_being_first(monkeypatch):
    monkeypatch.setattr(method.Others, "share", SharesOf([0.0] * 9))
    seen = []
    arms = {name: (lambda name=name: seen.append(name) or 1) for name in "ab"}
    kept = method.run_rounds(arms, [], method.Plan(rounds=2, extra=0, warm_up=1))
    assert "".join(seen) == "abbaab"
    assert len(kept) == 2  # the warm-up does not count


def test_arms_that_take_turns_within_a_round_are_arms(monkeypatch):
    monkeypatch.setattr(method.Others, "share", SharesOf([0.0] * 9))
    arms = {"a": lambda: {"a": 6.0, "b": 3.0}, "c": lambda: 2.0}
    kept = method.run_rounds(arms, [], method.Plan(rounds=2, extra=0, warm_up=0))
    assert kept[0].values == {"a": 6.0, "b": 3.0, "c": 2.0}
    assert method.summarise(kept, "a", "b").ratio == 2


def test_rounds_are_repeated_until_enough_were_quiet(monkeypatch):
    monkeypatch.setattr(method.Others, "share", SharesOf([1.0, 1.0, 0.0, 1.0, 0.0, 0.0]))
    counted = []
    kept = method.run_rounds({"a": lambda: counted.append(1) or 1.0}, [], method.Plan(rounds=3, extra=9, warm_up=0))
    assert len(counted) == 6 and [round_.others for round_ in kept] == [0.0, 0.0, 0.0]


def test_a_machine_that_is_never_quiet_is_measured_in_bounded_time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(method.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(method.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    monkeypatch.setattr(method.Others, "share", lambda self: 0.9)
    patience = method.Patience(each=10, left=25)
    arms = {"a": lambda: now.__setitem__(0, now[0] + 1) or 1.0}
    kept = method.run_rounds(arms, [], method.Plan(seconds=100, patience=patience))
    assert patience.left < 1 and now[0] < 60
    assert len(kept) == 9 and method.summarise(kept, "a").busy == 0.9


class SharesOf:
    """Stands for Others.share: every second call, behind a round, gives the next share."""

    def __init__(self, shares):
        self.shares, self.calls = iter(shares), 0

    def __call__(self):
        self.calls += 1
        return 0.0 if self.calls % 2 else next(self.shares)


def test_rows_of_an_earlier_run_are_replaced_and_others_stay():
    old = [row(ratio=1.0), row(workers=1)]
    assert report.merged(old, [row()]) == [row(workers=1), row()]


def test_table_has_a_cell_for_every_column_and_a_unit_for_every_metric():
    alone = row(metric="read_bandwidth", peer=None, peer_name=None, ratio=None, roofline=None)
    text = report.table([row(), alone], ["peer: gone"])
    lines = [line for line in text.splitlines() if line.startswith("| seeded-15M")]
    assert len(lines) == 2 and all(line.count("|") == len(report.HEAD) + 1 for line in lines)
    assert "30 tokens/s" in lines[0] and "| 1.5 |" in lines[0] and "| 50% |" in lines[0]
    assert "- peer: gone" in text
    assert {metric for metrics in report.SECTIONS.values() for metric in metrics} == set(report.UNITS)


def test_times_and_bytes_are_better_when_lower():
    assert "compile_seconds" in report.LOWER_IS_BETTER and "resident_bytes" in report.LOWER_IS_BETTER
    assert "decode_tokens_per_second" not in report.LOWER_IS_BETTER and "contract_gflops" not in report.LOWER_IS_BETTER


def verdicts(*rows):
    return {(what, target): met for what, target, _, met in acceptance.check(list(rows))}


def test_targets_are_met_missed_or_not_measured():
    line = ("decode 15M f32", ">= 1.5x llama.cpp")
    assert verdicts()[line] == "not measured"
    assert verdicts(row(ratio=1.5))[line] == "yes"
    assert verdicts(row(ratio=1.49))[line] == "**no**"
    # One worker, another precision, peer or model says nothing about this line.
    others = row(workers=1), row(precision="bf16"), row(peer_name="ONNX Runtime"), row(case="seeded-110M")
    assert verdicts(*others)[line] == "not measured"


def test_the_worst_row_decides():
    line = ("megakernel over eager arm, worst of all models and workers", ">= 0.98x")
    eager = row(peer_name=acceptance.EAGER, ratio=1.2)
    assert verdicts(eager)[line] == "yes"
    assert verdicts(eager, {**eager, "workers": 1, "ratio": 0.97})[line] == "**no**"


def test_products_are_held_to_openblas_and_the_peak_whatever_other_peers_are_there():
    cube = row(case="1024 x 1024 x 1024", metric="contract_gflops", peer_name="OpenBLAS (NumPy)", ratio=1.0, roofline=0.9)
    rows = [cube, {**cube, "peer_name": "PyTorch eager", "ratio": 0.5}]
    rows += [{**cube, "precision": "bf16", "peer_name": peer, "ratio": 0.5} for peer in ("PyTorch eager", "PyTorch inductor")]
    found = verdicts(*rows)
    assert found["1024 x 1024 x 1024 f32", ">= 0.95x OpenBLAS"] == "yes"
    assert found["1024 x 1024 x 1024 bf16", ">= 80% of the measured peak"] == "yes"


def test_memory_beyond_the_plan():
    line = ("resident beyond mapped weights, state and arena", "<= 8 MiB")
    within = row(metric="resident_bytes", ours=108 << 20, peer=108 << 20, peer_name="weights + state + arena + 8 MiB")
    assert verdicts(within)[line] == "yes"
    assert verdicts(within, {**within, "case": "seeded-110M", "ours": (108 << 20) + 1})[line] == "**no**"


def test_training_is_held_to_the_faster_way_of_pytorch():
    line = ("train GPT 10M, 4 x 64, f32", ">= 1.3x the faster of PyTorch eager and inductor")
    eager = row(case="GPT-10M, 4 x 64", metric="train_tokens_per_second", peer_name="PyTorch eager", ratio=2.0)
    inductor = {**eager, "peer_name": "PyTorch inductor", "ratio": 1.4}
    assert verdicts(eager, inductor)[line] == "yes"
    assert verdicts(eager, {**inductor, "ratio": 1.2})[line] == "**no**"
    # One of them alone may be the slower one; another batch or one worker says nothing about this line.
    assert verdicts(eager)[line] == "not measured"
    other = [{**eager, "case": "GPT-10M, 8 x 128"}, {**inductor, "workers": 1}]
    assert verdicts(*other)[line] == "not measured"


def test_training_is_held_to_the_peak_and_to_a_minute_of_compiling():
    step = row(case="GPT-124M, 8 x 128", metric="train_tokens_per_second", peer_name="PyTorch eager", roofline=0.61)
    line = ("train GPT 124M, 8 x 128, f32", ">= 60% of the measured peak")
    assert verdicts(step)[line] == "yes" and verdicts({**step, "roofline": 0.59})[line] == "**no**"
    compiling = row(case="GPT-124M, 4 x 64", metric="compile_seconds", peer_name=None, workers=None, ours=60.0)
    line = ("compile GPT 124M, 4 x 64, with its step of training", "<= 60 s")
    assert verdicts(compiling)[line] == "yes" and verdicts({**compiling, "ours": 61.0})[line] == "**no**"


def test_operations_of_a_step_are_those_that_others_count():
    # nanoGPT's count for GPT-2 124M at 1,024 positions.
    shape = training.SHAPES["124M"]
    assert shape.parameters() == 123_653_376 and shape.flops_per_token(1024) == 855_166_464
    assert 9e6 < training.SHAPES["10M"].parameters() < 11e6


def test_shapes_of_training_are_models_that_can_be_made():
    for name in training.NAMES:
        shape, (_, length) = training.SHAPES[name.split("-")[0]], map(int, name.split("-")[1].split("x"))
        assert length <= shape.max_seq and shape.dim % (2 * shape.heads) == 0


def test_all_arms_of_training_get_the_same_batches():
    (tokens, targets), again = train_data.batch(7, 100, 3, 5), train_data.batch(7, 100, 3, 5)
    assert tokens.shape == targets.shape == (3, 5) and (tokens[:, 1:] == targets[:, :-1]).all()
    assert (tokens == again[0]).all() and (targets == again[1]).all()
    assert not (tokens == train_data.batch(8, 100, 3, 5)[0]).all()


def test_training_differs_by_the_worst_of_losses_and_norms():
    assert training.difference([[2.0, 1.0], [4.0, 3.0]], [[2.0, 1.0], [4.0, 2.0]]) == 0.5
    assert not training.difference([[float("nan"), 1.0]], [[2.0, 1.0]]) <= training.AGREEMENT["f32"]


def test_a_missing_environment_is_named_with_what_makes_it(tmp_path):
    why = children.missing(tmp_path / ".venv-torch/bin/python", "torch", "--torch")
    assert why == "not installed; `scripts/bench-peers --torch` makes .venv-torch"
    assert "cannot be imported" in children.missing(pathlib.Path(sys.executable), "no_such_module")
    assert children.missing(pathlib.Path(sys.executable), "json") is None


def test_picture_is_well_formed_and_cuts_long_bars():
    image = plot.picture([row(), row(ratio=40.0, case="a < b"), row(workers=1), row(ratio=None, peer=None)])
    root = xml.etree.ElementTree.fromstring(image)
    bars = [node for node in root if node.get("height") == str(plot.BAR)]
    assert len(bars) == 2
    assert all(float(bar.get("x")) + float(bar.get("width")) <= plot.WIDTH for bar in bars)
    assert "40.00" in image


def test_results_are_written_together(tmp_path):
    report.write(tmp_path, "bench", [row()], [])
    assert json.loads((tmp_path / "bench.json").read_text()) == [row()]
    assert (tmp_path / "bench.md").exists() and (tmp_path / "bench.svg").exists()


CHILD = """
import sys; sys.path.insert(0, {bench!r})
from serve import serve
import os, time
def add(a, b):
    print("noise of a library")
    return a + b
serve({{"add": add, "fail": lambda: 1 / 0, "die": lambda: os._exit(3), "hang": lambda: time.sleep(60)}})
"""


@pytest.fixture
def child():
    command = [sys.executable, "-c", CHILD.format(bench=str(ROOT / "bench"))]
    with children.Child("child", command) as started:
        yield started


def test_children_answer_fail_and_go_on(child):
    assert child.call("add", a=2, b=3) == 5
    with pytest.raises(children.ChildError, match="ZeroDivisionError"):
        child.call("fail")
    assert child.call("add", a=1, b=1) == 2


def test_children_that_die_or_hang_are_reported(child):
    with pytest.raises(children.ChildError, match="ended with 3"):
        child.call("die")
    with pytest.raises(children.ChildError):
        child.call("add", a=1, b=1)


def test_children_that_hang_are_ended(child):
    with pytest.raises(children.ChildError, match="no answer"):
        child.call("hang", timeout=0.5)
    assert child.process.poll() is not None
