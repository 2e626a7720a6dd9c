#include "runtime/api/Handles.h"

using namespace ingot::runtime;

ingot_status *ingot_artifact_open(const char *path, ingot_artifact **artifact) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(requireNonNull(path, "path"));
    INGOT_RETURN_IF_ERROR(requireNonNull(artifact, "artifact"));
    Result<std::shared_ptr<Artifact>> opened = Artifact::open(path);
    if (!opened)
      return opened.status();
    *artifact = new ingot_artifact{*opened};
    return Status::success();
  });
}

void ingot_artifact_close(ingot_artifact *artifact) { delete artifact; }

const char *ingot_artifact_manifest(const ingot_artifact *artifact) {
  return artifact ? artifact->value->manifestText().c_str() : nullptr;
}

namespace {

constexpr size_t kMaxTextBytes = size_t(1) << 30;

Status requireTokenizer(const ingot_artifact *artifact) {
  INGOT_RETURN_IF_ERROR(requireNonNull(artifact, "artifact"));
  if (!artifact->value->tokenizer())
    return Status::invalidArgument("the artifact has no tokenizer");
  return Status::success();
}

} // namespace

ingot_status *ingot_tokenize(const ingot_artifact *artifact, const char *text, size_t length, int at_start,
                             int32_t *tokens, size_t capacity, size_t *count) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(requireTokenizer(artifact));
    INGOT_RETURN_IF_ERROR(requireNonNull(count, "count"));
    INGOT_RETURN_IF_ERROR(length ? requireNonNull(text, "text") : Status::success());
    if (length > kMaxTextBytes)
      return Status::invalidArgument("text expects at most 2^30 bytes, but got " + std::to_string(length));
    INGOT_RETURN_IF_ERROR(capacity ? requireNonNull(tokens, "tokens") : Status::success());
    std::vector<int32_t> ids =
        artifact->value->tokenizer()->encode(std::string_view(length ? text : "", length), at_start != 0);
    std::copy_n(ids.begin(), std::min(capacity, ids.size()), tokens);
    *count = ids.size();
    return Status::success();
  });
}

ingot_status *ingot_detokenize(const ingot_artifact *artifact, int32_t previous, const int32_t *tokens,
                               size_t num_tokens, char *text, size_t capacity, size_t *count) {
  return guard([&]() -> Status {
    INGOT_RETURN_IF_ERROR(requireTokenizer(artifact));
    INGOT_RETURN_IF_ERROR(requireNonNull(count, "count"));
    INGOT_RETURN_IF_ERROR(num_tokens ? requireNonNull(tokens, "tokens") : Status::success());
    INGOT_RETURN_IF_ERROR(capacity ? requireNonNull(text, "text") : Status::success());
    const Tokenizer &tokenizer = *artifact->value->tokenizer();
    Tokenizer::Position position = tokenizer.positionBehind(previous);
    std::string decoded;
    for (size_t i = 0; i < num_tokens; ++i)
      decoded += tokenizer.decode(position, tokens[i]);
    std::copy_n(decoded.begin(), std::min(capacity, decoded.size()), text);
    *count = decoded.size();
    return Status::success();
  });
}
