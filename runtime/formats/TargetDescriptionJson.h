// A target description as a JSON object without `format` and `version`: what manifests hold of it.
#pragma once

#include "runtime/formats/Json.h"
#include "runtime/formats/TargetDescription.h"

namespace ingot::runtime {

/// The first mistake goes to `status` and names `place`.
TargetDescription readDescribedTarget(const Json &json, const std::string &place, Status &status);

OrderedJson describeTarget(const TargetDescription &description);

} // namespace ingot::runtime
