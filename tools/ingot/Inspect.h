// What `ingot inspect` knows about an artifact, before it is printed as text or JSON.
#pragma once

#include "runtime/formats/Json.h"
#include "runtime/session/Artifact.h"

#include <string>

namespace ingot::tool {

struct InspectOptions {
  std::string artifact;
  bool memory = false, kernels = false, json = false, verify = false, sharding = false;
};

/// The sections as JSON objects; each can also be printed as text.
runtime::OrderedJson describeModel(const runtime::Artifact &artifact);
runtime::OrderedJson describeMemory(const runtime::Artifact &artifact);
/// Fails if a program is broken.
runtime::Result<runtime::OrderedJson> describeKernels(const runtime::Artifact &artifact);

std::string printModel(const runtime::OrderedJson &json);
std::string printMemory(const runtime::OrderedJson &json);
std::string printKernels(const runtime::OrderedJson &json);

/// Checks everything that opening leaves out: checksums of members, hashes of parameters, proofs of programs. Fails
/// with all problems.
runtime::Status verifyArtifact(const runtime::Artifact &artifact);

} // namespace ingot::tool
