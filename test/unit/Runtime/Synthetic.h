// Small artifacts made by hand: programs over the bodies in bodies.c.
#pragma once

#include "runtime/formats/Manifest.h"
#include "runtime/program/Program.h"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace ingot::test {

/// A directory that is removed with everything in it.
class TemporaryDirectory {
public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  std::string operator/(const std::string &name) const { return path + "/" + name; }
  const std::string path;
};

std::string readFile(const std::string &path);
void writeFile(const std::string &path, const std::string &text);

/// An artifact before it is written.
struct Synthetic {
  runtime::Manifest manifest;
  std::vector<program::Program> programs;          // one per entry
  std::vector<std::vector<float>> params;          // one per param
  std::map<std::string, std::string> otherMembers; // tokenizer.bin, ...
};

/// Members by name, in the order of an artifact. Fills in what the manifest says about members, sizes and params.
std::vector<std::pair<std::string, std::string>> membersOf(Synthetic artifact);
void writeArtifact(const std::string &path, const Synthetic &artifact);
void writeMembers(const std::string &path, const std::vector<std::pair<std::string, std::string>> &members);

/// Entry `forward`: y = relu(x @ w1) @ w2, x f32[4,8], y f32[4,8]; per-row events between two 4x2 grids.
Synthetic makeMlp();
std::vector<float> mlpInput();
std::vector<float> mlpReference(const std::vector<float> &x, const Synthetic &artifact);

/// Entry `forward`: `layers` launches of `width` tasks; every task reads all of the layer before. x, y f32[width].
Synthetic makeChain(int layers, int64_t width);

/// Entries `decode` and `prefill` (C = 4): a decoder of `vocabulary` tokens with a KV cache of `maxSeq` positions.
Synthetic makeDecoder(int64_t maxSeq = 32, int64_t vocabulary = 256);
/// Greedy continuation of `prompt` by `count` tokens and the logits of each step.
std::vector<int32_t> decoderReference(const Synthetic &artifact, std::vector<int32_t> prompt, int count,
                                      std::vector<std::vector<float>> *logits = nullptr);

/// Entry `train_step`: a table [vocabulary, vocabulary] that predicts the next token, trained with momentum, on batches
/// of 2 sequences of 4 tokens. Its parameter `w` is stored in panels of 16 rows, its state `w.trained` starts as it,
/// and `w.m` as 0. Target 254 makes the loss no number, target 255 makes it large. `scale` is not trained.
Synthetic makeTrained(int64_t vocabulary = 256);
/// The row-major value of its `w`.
std::vector<float> trainedStart(const Synthetic &artifact);

/// Entry `forward`: `tasks` tasks that each take a while. y f32[tasks].
Synthetic makeSlow(int64_t tasks, int64_t work);

} // namespace ingot::test
