// The options of `ingot compile` that are about training.
#pragma once

#include "ingot/Driver/Compile.h"

#include <CLI/CLI.hpp>

#include <string>

namespace ingot::tool {

/// Declares --train and what goes with it.
void declareTraining(CLI::App &app, CompileOptions &options);
/// Empty if the options that were given go together; `from` is what --from says.
std::string checkTraining(const CLI::App &app, const CompileOptions &options, const std::string &from);

} // namespace ingot::tool
