#include "lib/Tokenizer/PatternCompiler.h"

#include "runtime/tokenizer/Unicode.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <string>

using namespace ingot;
using namespace ingot::runtime::tokenizer;

using runtime::Status;

namespace {

constexpr uint32_t kUnlimited = 0xFFFFFFFF;
constexpr size_t kMaxInstructions = 4096;

/// A set that is still being built.
struct Characters {
  uint32_t categories = 0;
  bool negated = false;
  std::vector<Range> ranges;
};

class Compiler {
public:
  Compiler(std::string_view pattern, Parts::Patterns &out) : pattern(pattern), out(out) {}

  Status run() {
    out.stages.push_back(static_cast<uint32_t>(out.code.size()));
    alternatives(0);
    if (at < pattern.size())
      unsupported("an unmatched ')'");
    emit(Op::Match);
    if (out.code.size() > kMaxInstructions)
      unsupported("its length");
    return std::move(status);
  }

private:
  bool ok() const { return status.ok() && at < pattern.size(); }
  char peek() const { return at < pattern.size() ? pattern[at] : '\0'; }
  bool take(std::string_view text) {
    if (!pattern.substr(at).starts_with(text))
      return false;
    at += text.size();
    return true;
  }
  void unsupported(const std::string &what) {
    if (status.ok())
      status = Status::unsupported("the pattern '" + std::string(pattern) + "' of the pre-tokenizer: " + what +
                                   " at character " + std::to_string(at) + " is not supported yet");
  }
  uint32_t emit(Op op, uint32_t a = 0, uint32_t b = 0, uint32_t c = 0) {
    out.code.push_back({op, a, b, c});
    return static_cast<uint32_t>(out.code.size()) - 1;
  }
  uint32_t here() const { return static_cast<uint32_t>(out.code.size()); }

  void alternatives(int depth);
  void sequence(int depth);
  void group(int depth);
  void look(Op op, int depth);
  void single();
  void quantify(uint32_t set);
  std::optional<Characters> character(bool inClass);
  std::optional<Characters> escape(bool inClass);
  std::optional<Characters> property(bool negated);
  Characters bracket();
  uint32_t hexadecimal(size_t digits);
  uint32_t literal();
  uint32_t addSet(const Characters &characters);
  void foldCase(Characters &characters);

  std::string_view pattern;
  Parts::Patterns &out;
  size_t at = 0;
  bool anyCase = false;
  bool looking = false;
  Status status;
};

void Compiler::alternatives(int depth) {
  if (depth > 16)
    return unsupported("nesting so deep");
  std::vector<uint32_t> jumps;
  while (true) {
    uint32_t split = emit(Op::Split); // becomes a jump to the next instruction for the last one
    out.code[split].a = here();
    sequence(depth);
    if (!ok() || peek() != '|') {
      out.code[split] = {Op::Jump, split + 1, 0, 0};
      break;
    }
    ++at;
    jumps.push_back(emit(Op::Jump));
    out.code[split].b = here();
  }
  for (uint32_t jump : jumps)
    out.code[jump].a = here();
}

void Compiler::sequence(int depth) {
  while (ok() && peek() != '|' && peek() != ')') {
    if (peek() == '(')
      group(depth);
    else
      single();
  }
}

void Compiler::group(int depth) {
  if (take("(?="))
    return look(Op::Ahead, depth);
  if (take("(?!"))
    return look(Op::NotAhead, depth);
  bool before = anyCase;
  if (take("(?i:"))
    anyCase = true;
  else if (!take("(?:") && (pattern.substr(at).starts_with("(?") || !take("(")))
    return unsupported("this group");
  uint32_t split = emit(Op::Split);
  out.code[split].a = here();
  alternatives(depth + 1);
  anyCase = before;
  if (!take(")"))
    return unsupported("an open group");
  if (take("?")) {
    out.code[split].b = here();
    if (peek() == '+' || peek() == '?')
      unsupported("this quantifier of a group");
  } else {
    out.code[split] = {Op::Jump, split + 1, 0, 0};
  }
  if (peek() == '*' || peek() == '+' || peek() == '{')
    unsupported("a repeated group");
}

void Compiler::look(Op op, int depth) {
  if (looking)
    return unsupported("looking ahead twice");
  looking = true;
  uint32_t instruction = emit(op);
  alternatives(depth + 1);
  looking = false;
  if (!take(")"))
    return unsupported("an open group");
  emit(Op::Match);
  out.code[instruction].a = here();
  if (peek() == '*' || peek() == '+' || peek() == '{' || peek() == '?')
    unsupported("a repeated group");
}

void Compiler::single() {
  std::optional<Characters> characters;
  if (take("[")) {
    characters = bracket();
  } else if (take(".")) {
    characters = Characters{0, true, {{'\n', '\n'}}};
  } else if (std::string_view("^$*+?{").find(peek()) != std::string_view::npos) {
    return unsupported(std::string("'") + peek() + "'");
  } else {
    characters = character(false);
    if (characters && anyCase)
      foldCase(*characters);
  }
  if (characters)
    quantify(addSet(*characters));
}

/// U+017F and U+212A are other cases of s and k.
void Compiler::foldCase(Characters &characters) {
  if (characters.categories || characters.negated || characters.ranges.size() != 1)
    return unsupported("this class without regard to case");
  uint32_t value = characters.ranges[0].first;
  if (value >= 0x80)
    return unsupported("this letter without regard to case");
  if (!std::isalpha(static_cast<int>(value)))
    return;
  characters.ranges.push_back({value ^ 0x20, value ^ 0x20});
  if ((value | 0x20) == 's')
    characters.ranges.push_back({0x17F, 0x17F});
  if ((value | 0x20) == 'k')
    characters.ranges.push_back({0x212A, 0x212A});
}

void Compiler::quantify(uint32_t set) {
  uint32_t least = 1, most = 1;
  bool braces = false;
  if (take("?")) {
    least = 0;
  } else if (take("*")) {
    least = 0;
    most = kUnlimited;
  } else if (take("+")) {
    most = kUnlimited;
  } else if (take("{")) {
    braces = true;
    auto number = [&](uint32_t &value) {
      auto [end, error] = std::from_chars(pattern.data() + at, pattern.data() + pattern.size(), value);
      bool good = error == std::errc() && value <= 1000;
      at = end - pattern.data();
      return good;
    };
    bool good = number(least);
    most = least;
    if (good && take(",")) {
      most = kUnlimited;
      if (peek() != '}')
        good = number(most);
    }
    if (!good || !take("}") || least > most || most == 0)
      return unsupported("this number of repeats");
  } else {
    emit(Op::Repeat, set, 1, 1);
    return;
  }
  if (peek() == '?' || peek() == '*' || peek() == '{' || (braces && peek() == '+'))
    return unsupported("this quantifier");
  emit(take("+") ? Op::Possessive : Op::Repeat, set, least, most);
}

std::optional<Characters> Compiler::character(bool inClass) {
  if (take("\\"))
    return escape(inClass);
  uint32_t value = literal();
  return Characters{0, false, {{value, value}}};
}

uint32_t Compiler::literal() {
  runtime::CodePoint point = runtime::decodeUtf8(pattern.substr(at));
  if (point.value == runtime::kInvalidCodePoint)
    unsupported("broken UTF-8");
  at += point.length;
  return point.value;
}

uint32_t Compiler::hexadecimal(size_t digits) {
  uint32_t value = 0;
  std::string_view text = pattern.substr(at, digits);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc() || end != text.data() + text.size() || text.empty() || value > 0x10FFFF)
    unsupported("this number");
  at += text.size();
  return value;
}

std::optional<Characters> Compiler::escape(bool inClass) {
  static const Characters kSpace = {7 << 11, false, {{9, 13}, {0x85, 0x85}}}, kDigit = {1 << 8, false, {}};
  if (at >= pattern.size()) {
    unsupported("a final '\\'");
    return std::nullopt;
  }
  auto one = [](uint32_t value) { return Characters{0, false, {{value, value}}}; };
  char name = pattern[at++];
  switch (name) {
  case 's':
    return kSpace;
  case 'd':
    return kDigit;
  case 'S':
  case 'D': {
    if (inClass) {
      unsupported("a negated class inside brackets");
      return std::nullopt;
    }
    Characters all = name == 'S' ? kSpace : kDigit;
    all.negated = true;
    return all;
  }
  case 'p':
  case 'P':
    return property(name == 'P');
  case 'r':
    return one('\r');
  case 'n':
    return one('\n');
  case 't':
    return one('\t');
  case 'f':
    return one('\f');
  case 'v':
    return one('\v');
  case 'x':
    if (take("{")) {
      uint32_t value = hexadecimal(std::min(pattern.find('}', at), pattern.size()) - at);
      if (!take("}"))
        unsupported("this number");
      return one(value);
    }
    return one(hexadecimal(2));
  case 'u':
    return one(hexadecimal(4));
  default:
    if (std::isalnum(static_cast<unsigned char>(name)) || static_cast<unsigned char>(name) >= 0x80) {
      unsupported(std::string("'\\") + name + "'");
      return std::nullopt;
    }
    return one(static_cast<unsigned char>(name));
  }
}

std::optional<Characters> Compiler::property(bool negated) {
  size_t end = pattern.find('}', at);
  if (!take("{") || end == std::string_view::npos) {
    unsupported("this property");
    return std::nullopt;
  }
  negated ^= take("^");
  std::string_view name = pattern.substr(at, end - at);
  uint32_t categories = 0;
  for (uint32_t i = 0; i < std::size(runtime::kCategoryNames); ++i)
    if (!name.empty() && name.size() <= 2 && std::string_view(runtime::kCategoryNames[i]).starts_with(name))
      categories |= 1u << i;
  if (categories == 0) {
    unsupported("the property '" + std::string(name) + "'");
    return std::nullopt;
  }
  at = end + 1;
  return Characters{negated ? ~categories : categories, false, {}};
}

Characters Compiler::bracket() {
  Characters all;
  all.negated = take("^");
  bool first = true;
  while (ok() && (peek() != ']' || first)) {
    first = false;
    if (peek() == '[' || pattern.substr(at).starts_with("&&")) {
      unsupported("a class inside brackets");
      break;
    }
    std::optional<Characters> item = character(true);
    if (!item)
      break;
    if (peek() == '-' && at + 1 < pattern.size() && pattern[at + 1] != ']') {
      ++at;
      std::optional<Characters> last = character(true);
      bool range = last && !item->categories && !last->categories && item->ranges.size() == 1 &&
                   last->ranges.size() == 1 && item->ranges[0].first <= last->ranges[0].first;
      if (!range) {
        unsupported("this range");
        break;
      }
      item->ranges[0].last = last->ranges[0].first;
    }
    all.categories |= item->categories;
    all.ranges.insert(all.ranges.end(), item->ranges.begin(), item->ranges.end());
  }
  if (!take("]"))
    unsupported("open brackets");
  if (anyCase)
    unsupported("brackets without regard to case");
  return all;
}

uint32_t Compiler::addSet(const Characters &characters) {
  out.sets.push_back({characters.categories, characters.negated, static_cast<uint32_t>(out.ranges.size()),
                      static_cast<uint32_t>(characters.ranges.size())});
  out.ranges.insert(out.ranges.end(), characters.ranges.begin(), characters.ranges.end());
  return static_cast<uint32_t>(out.sets.size()) - 1;
}

} // namespace

Status tokenizer::compilePattern(std::string_view pattern, Parts::Patterns &patterns) {
  return Compiler(pattern, patterns).run();
}
