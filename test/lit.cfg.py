"""lit's configuration: tools on PATH, substitutions and features that the tests may require."""

import os

import lit.formats

config.name = "ingot"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
config.excludes = ["unit", "conformance", "fuzz", "Inputs"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(config.ingot_binary_dir, "test")

# Our tools first, then LLVM 22's FileCheck and not; never another LLVM's from the user's PATH.
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(config.ingot_binary_dir, "bin"), config.llvm_tools_dir, os.environ["PATH"]]
)

shared_data = os.path.join(os.path.dirname(config.ingot_source_dir), "shared", "data")
config.substitutions.append(("%shared_data", shared_data))
config.substitutions.append(("%source_dir", config.ingot_source_dir))
config.substitutions.append(("%llvm_include_dir", config.llvm_include_dir))
config.substitutions.append(("%python", config.python))

# shared-data: the models and texts that lie beside the checkout; python-venv: scripts/setup made the environment.
if os.path.isdir(shared_data):
    config.available_features.add("shared-data")
if os.access(config.python, os.X_OK):
    config.available_features.add("python-venv")
if config.sanitize:
    config.available_features.add("sanitizer")
