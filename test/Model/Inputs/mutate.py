#!/usr/bin/env python3
"""Changes formulas at random, and checks that the Model passes keep the meaning of what comes out.

mutate.py FILE.mlir --folder DIR [--seed S] [--count N]

Takes a function of FILE.mlir at a time and changes one or two of its lines: an operation, a constant, an operand, the
order of operands, a list of dimensions. Most mutants that still verify are no longer what a pass looks for, or only
nearly; if the passes raise one regardless, the interpreter in float64 tells. Prints how many mutants were valid and how
many of these still had named operations afterwards; exits with 1 at the first that computes something else.
"""

import argparse
import pathlib
import random
import re
import subprocess
import sys

PIPELINE = (
    "builtin.module(ingot-simplify,cse,func.func(ingot-raise),cse,ingot-simplify,"
    "func.func(ingot-fuse-attention),ingot-simplify,cse)"
)
NAMED = re.compile(r"ingot\.(rms_norm|layer_norm|silu|gelu|rope|attention)")
SWAPS = [
    ("arith.addf", "arith.subf"),
    ("arith.subf", "arith.addf"),
    ("arith.mulf", "arith.divf"),
    ("arith.divf", "arith.mulf"),
    ("math.sqrt", "math.rsqrt"),
    ("math.rsqrt", "math.sqrt"),
    ("math.exp", "math.tanh"),
    ("math.tanh", "math.erf"),
    ("math.erf", "math.tanh"),
    ("math.cos", "math.sin"),
    ("arith.negf", "math.absf"),
    ("reduce sum", "reduce mean"),
    ("reduce mean", "reduce sum"),
    ("reduce max", "reduce sum"),
    ("0xFF800000", "-1.0"),
    ("0xFF800000", "0.0"),
    ("true", "false"),
    ("false", "true"),
]


def swap_operation(rng, line, _):
    pairs = [pair for pair in SWAPS if pair[0] in line]
    return line.replace(*rng.choice(pairs), 1) if pairs else line


def swap_operands(_, line, __):
    return re.sub(r"(%\w+), (%\w+)", r"\2, \1", line, count=1)


def other_operand(rng, line, names):
    result, body = line.split("=", 1)
    operands = re.findall(r"%\w+", body)
    return result + "=" + body.replace(rng.choice(operands), rng.choice(names), 1) if operands and names else line


def other_constant(rng, line, _):
    def change(match):
        value = float(match[1])
        return f"dense<{rng.choice([value + 1, value * 2, -value, value * 1.001, value * (1 + 3e-6), value / 2, 0.0])}>"

    return re.sub(r"dense<(-?[\d.]+)>", change, line, count=1)


def other_dims(rng, line, _):
    head, *types = line.split(" : ")
    head, *reshape = head.split("output_shape")  # the reshape's own shape is in its type
    lists = list(re.finditer(r"\[([\d, ]+)\]", head))
    if not lists:
        return line
    match = rng.choice(lists)
    dims = match[1].split(", ")
    if rng.random() < 0.5:
        rng.shuffle(dims)
    else:
        i = rng.randrange(len(dims))
        dims[i] = str(max(0, int(dims[i]) + rng.choice([-1, 1])))
    head = head[: match.start(1)] + ", ".join(dims) + head[match.end(1) :]
    return " : ".join(["output_shape".join([head, *reshape]), *types])


def mutate(rng, function):
    """The function with one line changed, and that line before and after."""
    lines = function.split("\n")
    while True:
        i = rng.randrange(1, len(lines) - 2)
        if " = " not in lines[i]:
            continue
        earlier = re.findall(r"(%\w+)(?::| =)", "\n".join(lines[:i]))
        change = rng.choice([swap_operation, swap_operands, other_operand, other_constant, other_dims])
        changed = change(rng, lines[i], earlier)
        if changed != lines[i]:
            before, lines[i] = lines[i], changed
            return "\n".join(lines), f"{before}\n  ->\n{changed}"


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False)


def check(name, mutant, raised, seed):
    """Whether the mutant is valid, and whether it was raised; raises AssertionError if its meaning changed."""
    if run("ingot-opt", mutant, "-o", "/dev/null").returncode:
        return False, False
    passes = run("ingot-opt", mutant, f"--pass-pipeline={PIPELINE}", "-o", raised)
    assert passes.returncode == 0, passes.stderr
    inputs = ["--mode", "exact", "--random-inputs", str(seed), "--int-range", "0,16", "--tolerance", "2e-7"]
    compared = run("ingot-interpret", mutant, "--entry", name, "--compare", raised, *inputs)
    assert compared.returncode == 0, compared.stdout + compared.stderr
    return True, bool(NAMED.search(raised.read_text()))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    text = "\n".join(line for line in args.file.read_text().split("\n") if not line.startswith("//"))
    params = "\n".join(re.findall(r"^ingot\.param .*$", text, re.M))
    functions = re.findall(r"^func\.func .*?^}$", text, re.M | re.S)
    rng = random.Random(args.seed)
    mutant, raised = args.folder / "mutant.mlir", args.folder / "raised.mlir"
    valid = named = 0
    for seed in range(args.count):
        function = rng.choice(functions)
        name = re.search(r"@(\w+)", function)[1]
        function, change = mutate(rng, function)
        if rng.random() < 0.3:
            function, second = mutate(rng, function)
            change += "\n" + second
        mutant.write_text(f"{params}\n{function}\n")
        try:
            is_valid, is_named = check(name, mutant, raised, seed + 1)
        except AssertionError as error:
            sys.exit(f"{mutant} ({name}) means something else after the passes:\n{change}\n{error}")
        valid += is_valid
        named += is_named
    print(f"{valid} valid, {named} of them with named operations, 0 changed")


if __name__ == "__main__":
    main()
