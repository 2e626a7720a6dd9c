#include "Usage.h"

#include "Support.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdio>

namespace ingot::tool {

CLI::Validator whole(uint64_t low, uint64_t high) {
  auto check = [=](const std::string &text) -> std::string {
    uint64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size() && value >= low && value <= high)
      return {};
    return "expects a whole number from " + std::to_string(low) + " to " + std::to_string(high) + ", but got '" + text +
           "'";
  };
  return CLI::Validator(check, "");
}

std::string listed(const std::vector<std::string> &words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " or " : ", ") + words[i];
  return text;
}

CLI::Validator oneOf(const std::vector<std::string> &words, const std::vector<std::string> &unnamed) {
  auto check = [=](const std::string &text) -> std::string {
    for (const std::vector<std::string> *known : {&words, &unnamed})
      if (std::find(known->begin(), known->end(), text) != known->end())
        return {};
    return "expects " + listed(words) + ", but got '" + text + "'";
  };
  return CLI::Validator(check, "");
}

CLI::Validator fileToWrite() {
  auto check = [](const std::string &text) -> std::string {
    return text == "-" ? "expects a file, but got '-'" : text.empty() ? "expects a file, but got ''" : "";
  };
  return CLI::Validator(check, "");
}

int badUsage(const std::string &command, const std::string &message) {
  std::fprintf(stderr, "%s: %s\n", command.c_str(), printable(message).c_str());
  return 2;
}

namespace {

/// How an executable was called; empty in `ingot`.
std::string &executable() {
  static std::string name;
  return name;
}

/// CLI11's message as one of ours: "--top-k: 1 required N missing" is "--top-k expects a value N, but got none".
/// `extras` are the arguments that nothing takes, in their order, in which the message does not have them.
std::string inOurWords(const CLI::ParseError &error, const std::vector<std::string> &extras) {
  std::string text = error.what(), option;
  if (size_t colon = text.find(": "); text.rfind("-", 0) == 0 && colon != std::string::npos) {
    option = text.substr(0, colon);
    text = text.substr(colon + 2);
  }
  std::string kind = error.get_name();
  if (kind == "ArgumentMismatch" && text.rfind("At Most 1 ", 0) == 0)
    text = "expects one value, but got several";
  else if (size_t missing = text.rfind(" missing"); kind == "ArgumentMismatch" && text.rfind("1 required ", 0) == 0)
    text = "expects a value " + text.substr(11, missing - 11) + ", but got none";
  else if (text.rfind("The following argument", 0) == 0)
    text = "unexpected argument '" + CLI::detail::join(extras, " ") + "'";
  else if (size_t equals = text.find(" = "); kind == "ConversionError" && equals != std::string::npos)
    text = text.substr(19, equals - 19) + " expects no value '" + text.substr(equals + 3) + "'";
  if (!text.empty())
    text[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(text[0])));
  bool sentence = text.rfind("expects ", 0) == 0;
  return option.empty() ? text : option + (sentence ? " " : ": ") + text;
}

} // namespace

void setExecutable(const std::string &name) { executable() = name; }
bool isExecutable() { return !executable().empty(); }

int parse(CLI::App &app, int argc, char **argv) {
  if (isExecutable()) {
    app.name(executable() + app.get_name().substr(app.get_name().find(' ')));
    app.get_option("artifact")->group(""); // not shown
  }
  try {
    app.parse(argc, argv);
    return -1;
  } catch (const CLI::Success &) { // --help
    print(app.help());
    Status status = finishOutput();
    return status.ok() ? 0 : fail(status);
  } catch (const CLI::ParseError &error) {
    return badUsage(app.get_name(),
                    inOurWords(error, app.remaining()) + "\n`" + app.get_name() + " --help` lists the options");
  }
}

} // namespace ingot::tool
