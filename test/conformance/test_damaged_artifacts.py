"""Damaged artifacts: always exit status 1 and a message, whatever the damage and whether checksums are right."""

import json
import random
import zipfile

import pytest

from toolchain import CRASH, Members, complain, ingot

pytestmark = pytest.mark.usefixtures("tools")


def outcome(path, small):
    """Generates from a damaged artifact: works or complains, nothing else."""
    done = ingot("generate", path, "--tokens", "1,5", "--max-tokens", 4, "--print-tokens", timeout=60)
    if done.returncode != 0:
        complain(done, lines=None)
    return done.returncode


def test_truncated_artifacts(tmp_path, small):
    data = (small / "model.ingot").read_bytes()
    for size in [0, 1, 21, 22, 100, *range(5000, len(data), len(data) // 12), len(data) - 1]:
        (tmp_path / "a.ingot").write_bytes(data[:size])
        for command in (["inspect"], ["generate", "--tokens", "1"]):
            complain(ingot(command[0], tmp_path / "a.ingot", *command[1:]))


def test_flipped_bytes_are_found_by_verify(tmp_path, small):
    rng = random.Random(3)
    path = tmp_path / "a.ingot"
    for name, (start, size, *_) in Members(small / "model.ingot").where.items():
        for _ in range(4):
            members = Members(small / "model.ingot")
            members.data[start + rng.randrange(size)] ^= 1 << rng.randrange(8)
            path.write_bytes(members.data)
            done = ingot("inspect", path, "--verify")
            # The description may have come before the damage was met.
            assert done.returncode == 1 and done.stderr and not CRASH.search(done.stderr), f"{name}: {done.stderr}"


def test_corrupted_and_resealed_artifacts(tmp_path, small):
    """Checksums are right again, so only the readers stand between the change and the run."""
    rng = random.Random(5)
    path = tmp_path / "a.ingot"
    refused = 0
    names = [name for name in Members(small / "model.ingot").where if name.endswith((".bin", ".json", ".safetensors"))]
    for case in range(120):
        members = Members(small / "model.ingot")
        name = names[case % len(names)]
        size = members.where[name][1]
        if name.endswith(".safetensors"):
            size = min(size, 4000)  # the header; a changed weight is another model
        for _ in range(rng.choice([1, 1, 2, 8])):
            new = rng.choice([b"\xff", b"\x00", bytes([rng.randrange(256)]), b"\xff" * 4, b"-9999999", b"\x00" * 8])
            at = rng.randrange(size - len(new))
            members.put(name, at, new)
        path.write_bytes(members.data)
        refused += outcome(path, small)
    assert refused > 60


def test_resealed_manifests(tmp_path, small):
    """Well-formed manifests that lie."""
    text = zipfile.ZipFile(small / "model.ingot").read("manifest.json").decode()
    lies = [
        lambda m: m["params"][0].update(offset=m["params"][0]["offset"] + 64 * 10**6),
        lambda m: m["params"][0].update(offset=-64),
        lambda m: m["params"][0].update(shape=[2**40, 2**40]),
        lambda m: m["params"][0].update(shape=[-1]),
        lambda m: m["params"][0].update(member="../../etc/passwd"),
        lambda m: m["params"][0].update(dtype="f64"),
        lambda m: m["params"].pop(),
        lambda m: m["params"].append(m["params"][0]),
        lambda m: m["state"][0]["shape"].__setitem__(4, 2**50),
        lambda m: m["state"].clear(),
        lambda m: m["entries"][0]["inputs"].pop(),
        lambda m: m["entries"][0]["inputs"][0].update(shape=[1, 2]),
        lambda m: m["entries"][0].update(name="prefill"),
        lambda m: m["entries"][0]["program"].update({next(iter(m["entries"][0]["program"])): "manifest.json"}),
        lambda m: m["targets"][0].update(member="program/none"),
        lambda m: m["targets"].clear(),
        lambda m: m.update(format=999),
        lambda m: m.update(min_runtime="99.0.0"),
        lambda m: m.update(eos="x"),
        lambda m: m.update(entries=None),
        lambda m: m["memory"]["entries"][0].update(arena=8),
    ]
    for case, lie in enumerate(lies):
        manifest = json.loads(text)
        lie(manifest)
        members = Members(small / "model.ingot")
        new = json.dumps(manifest, separators=(",", ":")).encode()
        size = members.where["manifest.json"][1]
        assert len(new) <= size
        members.put("manifest.json", 0, new + b" " * (size - len(new)))
        (tmp_path / "a.ingot").write_bytes(members.data)
        done = ingot("generate", tmp_path / "a.ingot", "--tokens", "1,5", "--max-tokens", 4)
        try:
            complain(done, lines=None)
        except AssertionError as error:
            raise AssertionError(f"lie {case}: {error}") from error
