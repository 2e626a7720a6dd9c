// Regular expressions of pre-tokenizers to programs for runtime/tokenizer/Pattern.h.
#pragma once

#include "runtime/tokenizer/WriteForm.h"

#include <string_view>

namespace ingot::tokenizer {

/// Appends `pattern` (in Oniguruma's syntax) to `patterns` as one more stage. What is understood: alternatives, groups
/// (also (?i:...) of ASCII letters, with a quantifier only `?`), classes with ranges, \s, \d, \p{..} of general
/// categories and their negations, greedy and possessive quantifiers of single characters, looking ahead. Fails
/// (unsupported) on the rest of the syntax with the place.
runtime::Status compilePattern(std::string_view pattern, runtime::tokenizer::Parts::Patterns &patterns);

} // namespace ingot::tokenizer
