"""Matrix products of their own: a model of one MatMul whose second factor is a parameter, against NumPy's OpenBLAS and PyTorch."""

import contextlib
import functools

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import method
import peers
from children import ChildError, python_child
from models import BIN, CACHE, Unavailable, compiler_age, run

OPENBLAS = "OpenBLAS (NumPy)"
SIZES = [(512, 512, 512, "f32"), (1024, 1024, 1024, "f32"), (128, 768, 2048, "f32"), (1024, 1024, 1024, "bf16"),
         (128, 768, 2048, "bf16")]


def artifact(m, n, k, precision):
    """x[m, k] times a seeded [k, n]."""
    folder = CACHE / "contraction"
    folder.mkdir(parents=True, exist_ok=True)
    source, path = folder / f"{m}x{n}x{k}.onnx", folder / f"{m}x{n}x{k}-{precision}.ingot"
    if not source.exists():
        weight = np.random.default_rng(0).standard_normal((k, n), np.float32)
        ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (("x", [m, k]), ("y", [m, n]))]
        node = helper.make_node("MatMul", ["x", "w"], ["y"])
        graph = helper.make_graph([node], "main", ports[:1], ports[1:], [numpy_helper.from_array(weight, "w")])
        onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), source)
    if not path.exists() or path.stat().st_mtime < compiler_age():
        flags = [] if precision == "f32" else ["--precision", precision]
        run([BIN / "ingot", "compile", source, *flags, "-o", path])
    return path


def contract(context, m, n, k, precision, workers):
    """GFLOP/s of runs through the C interface."""
    path, work = artifact(m, n, k, precision), 2e-9 * m * n * k
    with contextlib.ExitStack() as stack:
        ours, roof = peers.ingot(stack), peers.roofline(stack)
        ours.call("open_session", key="ours", path=path, workers=workers)
        arms = {"ours": lambda: work * ours.call("contract", key="ours", seconds=context.burst)}
        arms["flops"] = lambda: 1e-9 * float(roof.ask(f"flops {precision} {workers} 0.1"))
        pids, compared = [ours.pid, roof.pid], []
        if precision == "f32":
            blas = stack.enter_context(python_child(OPENBLAS, "child_numpy.py", threads=workers))
            arms[OPENBLAS] = lambda: work * blas.call("contract", m=m, n=n, k=k, seconds=context.burst)
            pids.append(blas.pid)
            compared.append(OPENBLAS)
        for name, compiled in peers.TORCH.items():
            try:
                child = peers.torch(stack, workers)
                request = functools.partial(child.call, "contract", m=m, n=n, k=k, precision=precision, compiled=compiled,
                                            threads=workers, timeout=peers.TORCH_COMPILES)
                request(seconds=1e-9)  # compiles
            except (Unavailable, ChildError) as error:
                context.recorder.skip(f"{name}, product {m} x {n} x {k} {precision}", str(error))
                continue
            arms[name] = lambda request=request: work * request(seconds=context.burst)
            pids.append(child.pid)
            compared.append(name)
        rounds = context.rounds(arms, pids)
    bound = (lambda values: values["flops"]) if rounds[0].values["flops"] else None
    for peer in compared or [None]:
        summary = method.summarise(rounds, "ours", peer, bound=bound)
        context.recorder.add(f"{m} x {n} x {k}", "contract_gflops", summary, precision=precision, workers=workers, peer_name=peer)
