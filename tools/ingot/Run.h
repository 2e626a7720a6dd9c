// What running an entry of an artifact needs, by compiled code or by the interpreter.
#pragma once

#include "Npz.h"
#include "Support.h"

#include <map>
#include <string>

namespace ingot::tool {

/// The options of `ingot run`.
struct EntryOptions : RunOptions {
  std::string entry, inputs, outputs;
};

/// The entry called `name`, or the only one if `name` is empty.
Result<const runtime::ManifestEntry *> chooseEntry(const runtime::Manifest &manifest, const std::string &name);

/// The arrays in the file of --inputs, which must be those that `entry` expects, with its dtypes and shapes.
Result<std::map<std::string, Array>> readInputs(const EntryOptions &options, const runtime::ManifestEntry &entry);

/// `ingot run --target interpreter`. It needs the compiler's libraries: `ingot` passes its arguments on to
/// `ingot-compiler`, which follows the options.
int interpretMain(int argc, char **argv, const EntryOptions &options);

} // namespace ingot::tool
