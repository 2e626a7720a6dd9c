"""How bench.py measures: arms take turns, disturbed rounds are dropped, medians of ratios within a round.

A *round* runs every arm once, in an order that turns around from round to round. What others on the machine did meanwhile
is known from /proc, so a round that was disturbed can be told from one that was not.
"""

import dataclasses
import os
import pathlib
import statistics
import time

QUIET = 0.05  # others may use this share of all cores in a round that counts
TICK = os.sysconf("SC_CLK_TCK")


def machine_times():
    """Seconds of all cores together since boot: (everything, idle)."""
    fields = [int(field) for field in open("/proc/stat").readline().split()[1:9]]
    return sum(fields) / TICK, (fields[3] + fields[4]) / TICK


def process_seconds(pid):
    """CPU seconds of a process, all its threads and the children that it waited for."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / TICK


class Others:
    """The share of all cores that neither was idle nor used by `pids`, from one call of share() to the next."""

    def __init__(self, pids):
        self.pids = [*pids, os.getpid()]
        self.last = self.now()

    def now(self):
        return *machine_times(), sum(map(process_seconds, self.pids))

    def share(self):
        before, self.last = self.last, self.now()
        total, idle, own = (b - a for a, b in zip(before, self.last))
        return min(1.0, max(0.0, 1 - (idle + own) / total)) if total > 0 else 0.0


def wait_until_quiet(others, seconds):
    """Waits at most `seconds` until others leave the machine alone; whether they did."""
    end = time.monotonic() + seconds
    while True:
        others.share()
        time.sleep(0.15)
        if others.share() <= QUIET:
            return True
        if time.monotonic() >= end:
            return False


@dataclasses.dataclass
class Round:
    """What every arm gave, and the share of the machine that others took meanwhile."""

    values: dict
    others: float


@dataclasses.dataclass
class Patience:
    """Seconds of waiting for a quiet machine: before a round, and all together. A machine that is never quiet is measured
    too, in bounded time."""

    each: float = 10.0
    left: float = 300.0

    def wait(self, others):
        began = time.monotonic()
        if self.left > 0:
            wait_until_quiet(others, min(self.each, self.left))
        self.left -= max(0.0, time.monotonic() - began - 0.2)  # what a look at a quiet machine takes is free


@dataclasses.dataclass
class Plan:
    """How much effort a comparison gets. Plans made from one another share their patience; None does not wait."""

    rounds: int = 9  # that count
    extra: int = 9  # more of them at most, to replace disturbed ones
    seconds: float = 40.0  # after which no round begins, once there are three
    warm_up: int = 1  # rounds that do not count
    patience: Patience | None = None


def order(names, index):
    """Arms take turns, and who is first does too."""
    names = list(names)
    return names[::-1] if index % 2 else names


def run_rounds(arms, pids, plan):
    """Runs `arms` ({name: function that gives a number}) until `plan.rounds` rounds were quiet. A function may also give
    {name: value}, of arms that take turns within it."""
    others, rounds, began = Others(pids), [], time.monotonic()
    for index in range(plan.warm_up + plan.rounds + plan.extra):
        if plan.patience:
            plan.patience.wait(others)
        others.share()
        values = {}
        for name in order(arms, index):
            value = arms[name]()
            values |= value if isinstance(value, dict) else {name: value}
        if index >= plan.warm_up:
            rounds.append(Round(values, others.share()))
        late = len(rounds) >= 3 and time.monotonic() - began > plan.seconds
        if late or len(quiet(rounds)) >= plan.rounds:
            break
    return keep(rounds, plan.rounds)


def quiet(rounds):
    return [round_ for round_ in rounds if round_.others <= QUIET]


def keep(rounds, wanted):
    """The quiet rounds; if they are fewer than half of what was wanted, the `wanted` least disturbed ones."""
    good = quiet(rounds)
    if 2 * len(good) >= wanted:
        return good
    return sorted(rounds, key=lambda round_: round_.others)[:wanted]


def spread(values):
    """The distance of the quartiles divided by the median; None for fewer than three values."""
    if len(values) < 3:
        return None
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / middle if middle else None


@dataclasses.dataclass
class Summary:
    """One arm, perhaps against another: medians, and the spread of what is compared."""

    ours: float
    peer: float | None
    ratio: float | None
    spread: float | None
    roofline: float | None
    busy: float


def summarise(rounds, ours, peer=None, better="higher", bound=None):
    """`ratio` is the median over rounds of how many times better `ours` is than `peer`; `roofline` that of ours / bound(values),
    where `bound` gives the most that the machine allowed in that round."""
    mine = [round_.values[ours] for round_ in rounds]
    compared = ratio = roofline = None
    if peer is not None:
        pairs = [(round_.values[ours], round_.values[peer]) for round_ in rounds]
        compared = [a / b if better == "higher" else b / a for a, b in pairs]
        ratio = statistics.median(compared)
    if bound is not None:
        roofline = statistics.median(round_.values[ours] / bound(round_.values) for round_ in rounds)
    return Summary(
        ours=statistics.median(mine),
        peer=None if peer is None else statistics.median(round_.values[peer] for round_ in rounds),
        ratio=ratio,
        spread=spread(compared or mine),
        roofline=roofline,
        busy=statistics.median(round_.others for round_ in rounds),
    )
