#include "ingot/Interpreter/Generate.h"

using namespace mlir;
using namespace ingot::interpreter;

namespace {

const Port *findPort(ArrayRef<Port> ports, StringRef role) {
  for (const Port &port : ports)
    if (port.role == role)
      return &port;
  for (const Port &port : ports)
    if (port.name == role)
      return &port;
  return nullptr;
}

class Decoder {
public:
  Decoder(Interpreter &interpreter, std::string entry) : interpreter(interpreter), entry(std::move(entry)) {}

  LogicalResult prepare() {
    auto found = interpreter.signatureOf(entry);
    if (failed(found))
      return failure();
    signature = std::move(*found);
    tokens = findPort(signature.inputs, "tokens");
    start = findPort(signature.inputs, "start");
    count = findPort(signature.inputs, "count");
    logits = findPort(signature.outputs, "logits");
    if (tokens && start && count && logits && tokens->shape.size() == 2 && logits->shape.size() == 3)
      return success();
    return emitError(interpreter.getModule().getLoc())
           << "entry '" << entry << "' is no decoder: expects inputs tokens, start and count, and an output logits";
  }

  int64_t chunk() const { return tokens->shape[1]; }

  /// Runs a chunk from position `begin` and returns the logits of its last token.
  FailureOr<std::vector<double>> step(ArrayRef<int64_t> chunkTokens, int64_t begin) {
    int64_t batch = tokens->shape[0], rows = tokens->shape[1], vocabulary = logits->shape[2];
    auto used = static_cast<int64_t>(chunkTokens.size());
    std::vector<int64_t> padded;
    for (int64_t b = 0; b < batch; ++b) {
      llvm::append_range(padded, chunkTokens);
      padded.resize((b + 1) * rows, 0);
    }
    Arrays inputs;
    inputs[tokens->name] = Array::ofInts(tokens->element, tokens->shape, padded);
    inputs[start->name] = Array::ofInts(start->element, start->shape, std::vector<int64_t>(batch, begin));
    inputs[count->name] = Array::ofInts(count->element, count->shape, std::vector<int64_t>(batch, used));
    // Sampling is not asked for: the largest logit is taken here, so that no operation of the model decides.
    for (const Port &port : signature.inputs)
      if (!inputs.count(port.name))
        inputs[port.name] = isFloat(port.element) ? Array::filled(port.element, port.shape, Cell{.f = 0.0})
                                                  : Array::filled(port.element, port.shape, Cell{.i = 0});
    auto outputs = interpreter.run(entry, inputs);
    if (failed(outputs))
      return failure();
    std::vector<double> row(vocabulary);
    const Array &all = (*outputs)[logits->name];
    for (int64_t v = 0; v < vocabulary; ++v)
      row[v] = all.at({0, std::min(used, all.shape()[1]) - 1, v}).f; // of all rows, or of the last one alone
    return row;
  }

private:
  Interpreter &interpreter;
  std::string entry;
  Signature signature;
  const Port *tokens = nullptr, *start = nullptr, *count = nullptr, *logits = nullptr;
};

} // namespace

FailureOr<std::vector<int64_t>> ingot::interpreter::greedyGenerate(Interpreter &interpreter,
                                                                   const DecoderEntries &entries,
                                                                   ArrayRef<int64_t> prompt, int64_t count,
                                                                   const LogitsCallback &onLogits) {
  Decoder decode(interpreter, entries.decode);
  Decoder prefill(interpreter, entries.prefill.empty() ? entries.decode : entries.prefill);
  if (failed(decode.prepare()) || failed(prefill.prepare()))
    return failure();
  if (prompt.empty())
    return emitError(interpreter.getModule().getLoc()) << "expects a prompt of at least one token";
  FailureOr<std::vector<double>> logits;
  int64_t position = 0;
  for (ArrayRef<int64_t> rest = prompt; !rest.empty();) {
    ArrayRef<int64_t> chunk = rest.take_front(prefill.chunk());
    logits = prefill.step(chunk, position);
    if (failed(logits))
      return failure();
    position += static_cast<int64_t>(chunk.size());
    rest = rest.drop_front(chunk.size());
  }
  std::vector<int64_t> generated;
  while (static_cast<int64_t>(generated.size()) < count) {
    if (onLogits)
      onLogits(*logits);
    generated.push_back(std::max_element(logits->begin(), logits->end()) - logits->begin());
    if (static_cast<int64_t>(generated.size()) == count)
      break;
    logits = decode.step(generated.back(), position++);
    if (failed(logits))
      return failure();
  }
  return generated;
}
