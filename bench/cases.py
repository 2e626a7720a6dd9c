"""What bench.py measures: units, each on its own, that add rows to the recorder of their context."""

import contextlib
import dataclasses
import functools
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import contraction
import method
import peers
import training
from children import ChildError
from models import BIN, ROOT, SHAPES, Model, Unavailable, run

WORKERS = (1, 2)
LLAMA, EAGER, ONNX_RUNTIME = "llama.cpp", "ingot --launch=eager", "ONNX Runtime"
READ = "read loop, no waits"


@dataclasses.dataclass
class Context:
    """Where rows go, and how much effort to spend. `burst` is in seconds."""

    recorder: object
    plan: method.Plan
    burst: float = 0.25

    def rounds(self, arms, pids, fewer=None):
        plan = self.plan
        if fewer:
            plan = dataclasses.replace(plan, rounds=min(fewer, plan.rounds), extra=min(fewer, plan.extra))
        return method.run_rounds(arms, pids, plan)


class Comparison:
    """Arms of one model: our megakernel, our eager arm and the peers that are there, all with `workers` threads."""

    def __init__(self, context, stack, name, precision, workers):
        self.context, self.precision, self.workers = context, precision, workers
        self.model = Model(name)
        path = self.model.artifact(precision)
        self.ours, self.roof = peers.ingot(stack), peers.roofline(stack)
        self.pids = [self.ours.pid, self.roof.pid]
        self.ours.call("open_session", key="ours", path=path, workers=workers)
        self.peers = {}
        with self.skipping(LLAMA):
            child = peers.llama(stack, workers)
            peers.open_llama(child, "ours", self.model, precision, workers)
            error = peers.agreement(self.ours, child, "ours", self.model, precision)
            self.add("logits_difference", error, peer_name=LLAMA)
            self.peers[LLAMA] = child
            self.pids.append(child.pid)

    def add(self, metric, summary, **more):
        self.context.recorder.add(self.model.name, metric, summary, precision=self.precision, workers=self.workers, **more)

    @contextlib.contextmanager
    def skipping(self, peer):
        try:
            yield
        except (Unavailable, ChildError) as error:
            self.context.recorder.skip(f"{peer}, {self.model.name} {self.precision}", str(error))

    def use_onnx_runtime(self, stack):
        with self.skipping(ONNX_RUNTIME):
            child = peers.onnx_runtime(stack, self.model, self.workers)
            self.peers[ONNX_RUNTIME] = child
            self.pids.append(child.pid)

    def use_torch(self, stack, function, **arguments):
        """`function` is what will be timed: it is called once, because inductor compiles on first use."""
        for name, compiled in peers.TORCH.items():
            with self.skipping(name):
                child = peers.torch(stack, self.workers)
                child.call("open_model", key="ours", path=self.model.make_checkpoint(), precision=self.precision,
                           compiled=compiled, prompts=function == "prefill", threads=self.workers)
                error = peers.agreement(self.ours, child, "ours", self.model, self.precision)
                child.call(function, timeout=peers.TORCH_COMPILES, key="ours", **{**arguments, "seconds": 1e-9})
                self.add("logits_difference", error, peer_name=name)
                self.peers[name] = child
                self.pids.append(child.pid)

    def use_eager(self):
        self.ours.call("open_session", key=EAGER, path=self.model.artifact(self.precision), workers=self.workers, eager=True)

    def arms(self, function, **arguments):
        """{arm: function that calls `function` of its child}."""
        call = functools.partial
        arms = {"ours": call(self.ours.call, function, key="ours", **arguments)}
        for name, child in self.peers.items():
            arms[name] = call(child.call, function, key="model" if name == ONNX_RUNTIME else "ours", **arguments)
        return arms


def decode(context, name, precision, workers):
    """Tokens per second, one at a time."""
    with contextlib.ExitStack() as stack:
        comparison = Comparison(context, stack, name, precision, workers)
        if precision == "f32" and name in ("260K", "15M"):
            comparison.use_onnx_runtime(stack)
        model = comparison.model
        request = dict(prompt=model.prompt(model.shape.start), count=model.shape.burst, seconds=context.burst)
        comparison.use_torch(stack, "decode", **request)
        arms = comparison.arms("decode", **request)
        weights = model.weight_bytes(precision)
        arms["read"] = lambda: float(comparison.roof.ask(f"read {weights} {workers} {context.burst / 2}"))
        rounds = context.rounds(arms, comparison.pids)
        bytes_read = model.decode_bytes(precision)
        for peer in (LLAMA, ONNX_RUNTIME, *peers.TORCH):
            if peer in rounds[0].values:
                summary = method.summarise(rounds, "ours", peer, bound=lambda values: values["read"] / bytes_read)
                comparison.add("decode_tokens_per_second", summary, peer_name=peer)
        comparison.add("read_bandwidth", method.summarise(rounds, "read"))
        comparison.add("decode_tokens_per_second", against_eager(context, comparison), peer_name=EAGER)


def against_eager(context, comparison):
    """The eager arm differs by less than the machine does from one second to the next, so the two take turns of some
    milliseconds, and what counts is the median over pairs of turns."""
    comparison.use_eager()
    model = comparison.model
    turns = functools.partial(comparison.ours.call, "decode_in_turns", keys=["ours", EAGER], prompt=model.prompt(8),
                              count=max(1, model.shape.burst // 8), seconds=2 * context.burst)
    rounds = context.rounds({"turns": turns}, comparison.pids)
    return method.summarise([method.Round(turn, round_.others) for round_ in rounds for turn in round_.values["turns"]],
                            "ours", EAGER)


def prefill(context, name, precision, workers, count):
    """Tokens per second of a prompt."""
    with contextlib.ExitStack() as stack:
        comparison = Comparison(context, stack, name, precision, workers)
        model = comparison.model
        request = dict(prompt=model.prompt(count), seconds=context.burst)
        comparison.use_torch(stack, "prefill", **request)
        arms = comparison.arms("prefill", **request)
        arms["flops"] = lambda: float(comparison.roof.ask(f"flops {precision} {workers} 0.1"))
        rounds = context.rounds(arms, comparison.pids, fewer=5 if name == "1.1B" else None)
        work = model.prefill_flops(count) / count
        bound = (lambda values: values["flops"] / work) if rounds[0].values["flops"] else None
        for peer in list(comparison.peers) or [None]:
            summary = method.summarise(rounds, "ours", peer, bound=bound)
            comparison.add(f"prefill_{count}_tokens_per_second", summary, peer_name=peer)


def start(context, name):
    """Milliseconds to the first token: in a process that has the library, and as a command."""
    model, precision = Model(name), SHAPES[name].precisions[0]
    path = model.artifact(precision)
    with contextlib.ExitStack() as stack:
        ours = peers.ingot(stack)
        arms = {"ours": functools.partial(ours.call, "first_token", path=path, workers=2)}
        pids = [ours.pid]
        try:
            llama = peers.llama(stack, 2)
            pids.append(llama.pid)
            arms[LLAMA] = functools.partial(llama.call, "first_token", path=model.gguf(precision), threads=2,
                                            context=model.config.max_seq, half_cache=precision != "f32")
        except Unavailable as error:
            context.recorder.skip(f"{LLAMA}, {model.name}", str(error))
        arms["process"] = lambda: 1e3 * generate_command(path, 1)["seconds"]
        rounds = context.rounds(arms, pids)
    add = functools.partial(context.recorder.add, model.name, precision=precision, workers=2)
    peer = LLAMA if LLAMA in arms else None
    add("open_to_first_token_ms", method.summarise(rounds, "ours", peer, better="lower"), peer_name=peer)
    add("process_to_first_token_ms", method.summarise(rounds, "process"))


def measure_process(*command, timeout=600):
    return json.loads(run([BIN / "measure_process", *command], timeout))


def generate_command(path, count, prompt=1):
    done = measure_process(BIN / "ingot", "generate", path, "--tokens", prompt, "--max-tokens", count, "--workers", 2,
                           "--ignore-eos")
    if done["status"]:
        raise RuntimeError(f"ingot generate ended with {done['status']}")
    return done


def memory(context, name, precision):
    """Most resident memory of `ingot generate` on a prompt of 100 tokens against what the plan says and 8 MiB."""
    model = Model(name)
    path = model.artifact(precision)
    with contextlib.ExitStack() as stack:
        planned = peers.ingot(stack).call("open_session", key="ours", path=path, workers=2)
    prompt = ",".join(str(token) for token in range(1, 101))
    peak = generate_command(path, 16, prompt)["peak_bytes"]
    bound = planned["params"] + planned["state"] + planned["arena"] + (8 << 20)
    context.recorder.add(model.name, "resident_bytes", peak, precision=precision, workers=2, peer=bound,
                         peer_name="weights + state + arena + 8 MiB")


def compile_time(context, name, precision):
    """`ingot compile` as a command: seconds, and most resident memory against source and artifact together."""
    model, repeats = Model(name), {"260K": 5, "15M": 3}.get(name, 1)
    measure_compile(context, model, model.make_checkpoint(), precision, repeats)


def measure_compile(context, model, source, precision, repeats=1):
    """Leaves the artifact where the other units look for it."""
    path = model.artifact_path(precision)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        output = pathlib.Path(folder) / "out.ingot"
        runs = []
        for _ in range(min(repeats, context.plan.rounds)):
            runs.append(measure_process(*model.compile_command(precision, output)))
            if runs[-1]["status"]:
                run(model.compile_command(precision, output))  # raises with the compiler's message
        both = source.stat().st_size + output.stat().st_size
        output.rename(path)
    rounds = [method.Round({"seconds": done["seconds"]}, 0) for done in runs]
    add = functools.partial(context.recorder.add, model.name, precision=precision)
    add("compile_seconds", method.summarise(rounds, "seconds"))
    add("compile_resident_bytes", max(done["peak_bytes"] for done in runs), peer=both, peer_name="checkpoint + artifact")


def compile_training(context, name, precision):
    """`ingot compile --train`: decode, prefill and the step."""
    model = training.TrainedModel(name)
    measure_compile(context, model, model.onnx(), precision)


def neighbours(context, name, workers):
    """Throughput with a spinning process on every core, as a share of the throughput without."""
    with contextlib.ExitStack() as stack:
        comparison = Comparison(context, stack, name, "f32", workers)
        model, seconds = comparison.model, 8 * context.burst
        prompt = model.prompt(model.shape.start)
        arms = comparison.arms("decode", prompt=prompt, count=32, seconds=seconds)  # few: some peers nearly stop
        # Threads that never wait for each other: what the machine leaves.
        arms[READ] = lambda: float(comparison.roof.ask(f"read {model.weight_bytes('f32')} {workers} {seconds}"))

        def share(arm):
            idle = arms[arm]()
            with spinning(os.cpu_count()):
                return arms[arm]() / idle

        shares = {arm: functools.partial(share, arm) for arm in arms}
        rounds = method.run_rounds(shares, comparison.pids, dataclasses.replace(context.plan, rounds=5, extra=0, warm_up=0))
        for peer in (LLAMA, READ):
            if peer in arms:
                comparison.add("busy_share_of_idle", method.summarise(rounds, "ours", peer), peer_name=peer)


@contextlib.contextmanager
def spinning(count):
    """`count` processes that do nothing but run."""
    command = [sys.executable, "-c", "while True: pass"]
    processes = [subprocess.Popen(command) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def verifier(context, events):
    """The verifier on a decoder's step of 100,000 tasks for 132 queues."""
    if not (BIN / "verify_bench").exists():
        raise Unavailable("google-benchmark is not installed")
    pattern = f"verifyProgram/layers:156/per_tile_events:{events}$"
    out = run([BIN / "verify_bench", f"--benchmark_filter={pattern}", "--benchmark_format=json", "--benchmark_repetitions=5"])
    runs = [one for one in json.loads(out)["benchmarks"] if one["run_type"] == "iteration"]
    summary = method.summarise([method.Round({"s": one["real_time"] / 1e3}, 0) for one in runs], "s")
    what = "an event per tile" if events else "an event per launch"
    context.recorder.add(f"{runs[0]['tasks']:.0f} tasks, {what}", "verify_seconds", summary, workers=132)


def sizes(context):
    with tempfile.TemporaryDirectory() as folder:
        stripped = pathlib.Path(folder) / "stripped.so"
        run(["strip", "-o", stripped, ROOT / "build/dev/lib/libingot_runtime.so"])
        context.recorder.add("libingot_runtime.so, stripped", "library_bytes", stripped.stat().st_size)
    for name in ("260K", "15M"):
        model = Model(name)
        described = json.loads(run([BIN / "ingot", "inspect", model.artifact("f32"), "--json"]))
        formula = 2 * model.config.kv_dim * 4 * model.config.layers
        context.recorder.add(model.name, "kv_bytes_per_token", described["kv_bytes_per_token"], precision="f32", peer=formula,
                             peer_name="formula")


def rebuild(context):
    """An incremental build of the dev preset after one pass was touched; the compiler cache may not help."""
    source = ROOT / "lib/Model/RaiseNorm.cpp"
    build = ["cmake", "--build", ROOT / "build/dev", "--target", "ingot", "ingot-opt"]
    run(build, timeout=1800)
    os.utime(source)
    done = measure_process("env", "CCACHE_RECACHE=1", *build)
    if done["status"]:
        raise RuntimeError("the build failed")
    context.recorder.add("lib/Model/RaiseNorm.cpp touched", "rebuild_seconds", done["seconds"])


def units():
    """{name: function of a Context}, in the order of a run. What makes the machine restless comes last."""
    table = {}

    def unit(function, *arguments, label=None):
        parts = [label or function.__name__, *map(str, arguments)]
        table["/".join(parts)] = functools.partial(_call, function, arguments)

    pairs = [(name, precision) for name, shape in SHAPES.items() for precision in shape.precisions]
    for name, precision in pairs:
        unit(compile_time, name, precision, label="compile")
    for name, precision in pairs:
        for workers in WORKERS:
            unit(decode, name, precision, workers)
    for name, precision in pairs:
        for workers in (2,) if name == "1.1B" else WORKERS:
            unit(prefill, name, precision, workers, 128)
            if SHAPES[name].config.max_seq > 512:
                unit(prefill, name, precision, workers, 512)
    for arguments in contraction.SIZES:
        for workers in WORKERS:
            unit(contraction.contract, *arguments, workers)
    for name in training.NAMES:
        for precision in training.PRECISIONS:
            unit(compile_training, name, precision, label="compile_train")
            for workers in WORKERS:
                unit(training.train, name, precision, workers)
    for name, precision in pairs:
        unit(memory, name, precision)
        if precision == SHAPES[name].precisions[0]:
            unit(start, name)
    for name in ("260K", "15M"):
        for workers in WORKERS:
            unit(neighbours, name, workers)
    for events in (0, 1):
        unit(verifier, events)
    unit(sizes)
    unit(rebuild)
    return table


def _call(function, arguments, context):
    function(context, *arguments)
