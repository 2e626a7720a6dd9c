"""What bench.py measures. A case takes a Context and adds rows to its recorder."""

import functools
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import time

import numpy as np

import toolchain
from reference import OnnxDecoder
from runtime_api import EAGER, LIBRARY, MEGAKERNEL, Session

ROOT = pathlib.Path(__file__).resolve().parents[1]
BIN = ROOT / "build/dev/bin"
STORIES = ROOT.parent / "shared/data/llm"
WORKERS = [1, 2]
START = 64  # decoding is timed behind this many tokens


class Context:
    def __init__(self, folder, recorder):
        self.folder, self.recorder = folder, recorder

    @functools.cached_property
    def small(self):
        """stories260K, or a seeded decoder of its shape: (name, Decoder)."""
        folder = self.folder / "small"
        folder.mkdir()
        if (STORIES / "stories260K.bin").exists():
            return "stories260K", toolchain.Decoder(folder, STORIES / "stories260K.bin", STORIES / "tok512.bin")
        self.recorder.skip("stories260K", "../shared/data/llm is not there; a seeded decoder of its shape stands in")
        return "seeded-260K", toolchain.Decoder(folder, *toolchain.make_model(folder))

    @functools.cached_property
    def large(self):
        """Seeded, larger than the caches: decoding is bound by memory."""
        folder = self.folder / "large"
        folder.mkdir()
        sizes = dict(dim=512, hidden=1376, layers=8, heads=8, kv_heads=8, vocab=4096, max_seq=512)
        flags = [text for name, size in sizes.items() for text in ("--" + name.replace("_", "-"), size)]
        return "seeded-27M", toolchain.Decoder(folder, *toolchain.make_model(folder, *flags))


def median_and_spread(values):
    middle = statistics.median(values)
    quartiles = statistics.quantiles(values, n=4)
    return middle, (quartiles[2] - quartiles[0]) / middle


def bandwidth(bytes_read, threads):
    done = subprocess.run([BIN / "read_bandwidth", str(bytes_read), str(threads)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def decode_bytes(session, position):
    """Bytes that a decode step at `position` reads: every weight once (output and embedding share theirs in these models),
    and the cache up to here."""
    memory = session.memory()
    kv = session.manifest["state"][0]
    return memory["params"] + memory["state"] * position // kv["shape"][4]


def tokens_of(decoder, count=448):
    return np.random.default_rng(1).integers(3, decoder.config.vocab, count).tolist()


def tokens_to_time(decoder):
    return 128 if decoder.config.dim < 256 else 24


def decode(context):
    """The megakernel against its eager arm and ONNX Runtime: rounds take turns."""
    for name, decoder in (context.small, context.large):
        tokens = tokens_of(decoder)
        count = tokens_to_time(decoder)
        artifact = decoder.artifact("named")
        for workers in WORKERS:
            sessions = {launch: Session(artifact, workers=workers, launch=launch) for launch in (MEGAKERNEL, EAGER)}
            rates = {launch: [] for launch in sessions}
            for round_ in range(9):
                for launch, session in sessions.items():
                    session.reset()
                    rate = session.decode_rate(tokens[:START], count)
                    if round_:  # the first warms up
                        rates[launch].append(rate)
            ours, spread = median_and_spread(rates[MEGAKERNEL])
            eager, _ = median_and_spread(rates[EAGER])
            read = decode_bytes(sessions[MEGAKERNEL], START + count // 2)
            rate = bandwidth(read, workers)
            add = functools.partial(context.recorder.add, name, workers=workers)
            add("read_bandwidth", rate)
            add("decode_tokens_per_second", ours, spread=spread, peer=eager, peer_name="ingot --launch=eager",
                roofline=ours * read / rate)
            for session in sessions.values():
                session.close()
            peer = onnx_runtime(context, decoder, workers, tokens, count)
            if peer:
                add("decode_tokens_per_second", ours, spread=spread, peer=peer[0], peer_name="ONNX Runtime")
                with Session(artifact, workers=workers) as session:
                    rates = [prefill_rate(session, tokens) for _ in range(6)][1:]
                ours, spread = median_and_spread(rates)
                add("prefill_tokens_per_second", ours, spread=spread, peer=peer[1], peer_name="ONNX Runtime, in one call")
    for peer in ("llama2.c", "llama-bench"):
        if not shutil.which(peer):
            context.recorder.skip(peer, "not installed")


def prefill_rate(session, tokens):
    session.reset()
    began = time.perf_counter()
    session.prefill(tokens)
    return len(tokens) / (time.perf_counter() - began)


def onnx_runtime(context, decoder, threads, tokens, count):
    """Median rates of decoding with a growing cache, and of the prompt in one call."""
    try:
        peer = OnnxDecoder(decoder.onnx("decomposed"), decoder.config, threads=threads)
    except ImportError:
        context.recorder.skip("ONNX Runtime", "not installed")
        return None
    decodes, prefills = [], []
    for _ in range(5):
        peer.reset()
        peer.run(tokens[:START])
        began = time.perf_counter()
        for token in tokens[START : START + count]:
            peer.run([token])
        decodes.append(count / (time.perf_counter() - began))
        peer.reset()
        began = time.perf_counter()
        peer.run(tokens)
        prefills.append(len(tokens) / (time.perf_counter() - began))
    return statistics.median(decodes[1:]), statistics.median(prefills[1:])


def compile_time(context):
    name, decoder = context.small
    for form in toolchain.FORMS:
        model, times = decoder.model(form), []
        for _ in range(5):
            began = time.perf_counter()
            toolchain.succeed(toolchain.ingot("compile", *model, "-o", context.folder / "out.ingot"))
            times.append(time.perf_counter() - began)
        ours, spread = median_and_spread(times)
        context.recorder.add(f"{name}, {form}", "compile_seconds", ours, spread=spread)
    name, decoder = context.large
    began = time.perf_counter()
    toolchain.succeed(toolchain.ingot("compile", *decoder.model("named"), "-o", context.folder / "out.ingot"))
    context.recorder.add(f"{name}, named", "compile_seconds", time.perf_counter() - began)


def start(context):
    """From nothing to the first token: in a process that has the library, and as a command."""
    for name, decoder in (context.small, context.large):
        artifact = decoder.artifact("named")
        times, commands = [], []
        for _ in range(9):
            began = time.perf_counter()
            with Session(artifact, workers=2) as session:
                session.generate([1], 1)
            times.append(1e3 * (time.perf_counter() - began))
            began = time.perf_counter()
            toolchain.succeed(toolchain.ingot("generate", artifact, "--tokens", 1, "--max-tokens", 1, "--workers", 2))
            commands.append(1e3 * (time.perf_counter() - began))
        for metric, values in (("open_to_first_token_ms", times), ("process_to_first_token_ms", commands)):
            ours, spread = median_and_spread(values[1:])
            context.recorder.add(name, metric, ours, workers=2, spread=spread)


def verifier(context):
    """The verifier on a decoder's step of 100,000 tasks for 132 queues."""
    if not (BIN / "verify_bench").exists():
        context.recorder.skip("verifier", "google-benchmark is not installed")
        return
    for events in (0, 1):
        pattern = f"verifyProgram/layers:156/per_tile_events:{events}$"
        command = [BIN / "verify_bench", f"--benchmark_filter={pattern}", "--benchmark_format=json",
                   "--benchmark_repetitions=5"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        runs = [run for run in json.loads(done.stdout)["benchmarks"] if run["run_type"] == "iteration"]
        ours, spread = median_and_spread([run["real_time"] / 1e3 for run in runs])
        what = "an event per tile" if events else "an event per launch"
        context.recorder.add(f"{runs[0]['tasks']:.0f} tasks, {what}", "verify_seconds", ours, workers=132, spread=spread)


def sizes(context):
    stripped = context.folder / "stripped.so"
    subprocess.run(["strip", "-o", stripped, LIBRARY], check=True)
    context.recorder.add("libingot_runtime.so, stripped", "library_bytes", stripped.stat().st_size)
    for name, decoder in (context.small, context.large):
        described = json.loads(toolchain.succeed(toolchain.ingot("inspect", decoder.artifact("named"), "--json")))
        c = decoder.config
        formula = 2 * c.kv_heads * c.head_dim * 4 * c.layers
        context.recorder.add(name, "kv_bytes_per_token", described["kv_bytes_per_token"], peer=formula, peer_name="formula")


def rebuild(context):
    """An incremental build of the dev preset after one pass was touched; the compiler cache may not help."""
    source = ROOT / "lib/Model/RaiseNorm.cpp"
    build = ["cmake", "--build", ROOT / "build/dev", "--target", "ingot", "ingot-opt"]
    environment = {**os.environ, "CCACHE_RECACHE": "1"}
    subprocess.run(build, check=True, capture_output=True)
    os.utime(source)
    began = time.perf_counter()
    subprocess.run(build, check=True, capture_output=True, env=environment)
    context.recorder.add("lib/Model/RaiseNorm.cpp touched", "rebuild_seconds", time.perf_counter() - began)


CASES = {"decode": decode, "compile": compile_time, "start": start, "verifier": verifier, "sizes": sizes, "rebuild": rebuild}
