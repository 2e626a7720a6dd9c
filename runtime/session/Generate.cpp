#include "runtime/session/Generate.h"

#include "runtime/session/StopText.h"
#include "runtime/tokenizer/TextDecoder.h"

#include <algorithm>
#include <chrono>
#include <numeric>

namespace ingot::runtime {

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// One prompt and what has become of it.
struct Sequence {
  explicit Sequence(const std::vector<std::string> &stops) : stop(stops) {}

  StopText stop;
  std::vector<int32_t> prompt; // a pending token in front
  size_t fed = 0;              // of the prompt
  bool pendingInPrompt = false;
  bool ended = false;
  std::optional<TextDecoder> text; // behind the prompt; none without a tokenizer

  /// What a token adds to the text, and what is left at the end.
  std::string textOf(int32_t token) { return text ? stop.feed(text->feed(token)) : std::string(); }
  std::string restOfText() { return text ? stop.feed(text->flush()) + stop.flush() : std::string(); }

  std::span<const int32_t> rest() const { return std::span(prompt).subspan(fed); }
};

/// A token that its sequence has accepted and the caller has not heard of.
struct Event {
  size_t sequence;
  int32_t id;
  std::string text;
};

class Generator {
public:
  Generator(Session &session, const GenerateOptions &options,
            const std::function<bool(const GeneratedToken &)> &onToken)
      : session(session), options(options), onToken(onToken) {}

  Result<GenerateResult> run();

private:
  Status prepare();
  Status findEntries();
  Status takePrompt(size_t number);
  Status checkPrompt(const Sequence &sequence, size_t number) const;
  Status feedPrompts();
  Status stepOnce(DecoderStep &step);
  Status decodeLoop();
  Status launch();
  bool between();
  bool placeTokens(DecoderStep &step);
  SlotTokens nextTokens(size_t number, DecoderStep &step);
  void takeStep();
  void takeChoice(size_t number);
  void end(size_t number, FinishReason reason);
  void deliver();
  void startText(Sequence &sequence, bool atStart) const;
  SlotState &slot(size_t number) const { return session.slots[number]; }
  int64_t maxSeq() const { return session.artifact().maxSeq(); }
  Status finite() const { return sawNaN ? Status::invalidArgument("a logit is not a number") : Status::success(); }
  bool allEnded() const {
    return std::all_of(sequences.begin(), sequences.end(), [](const Sequence &each) { return each.ended; });
  }

  Session &session;
  const GenerateOptions &options;
  const std::function<bool(const GeneratedToken &)> &onToken;
  DecoderStep decode, prefill;
  std::vector<Sequence> sequences;
  std::vector<int32_t> inStep; // tokens of each slot in the step that runs
  DecoderStep *running = nullptr;
  std::vector<Event> events;
  uint32_t stepsLeft = 0; // of the launch
  bool callerStopped = false, sawNaN = false, hasTokens = false;
  GenerateResult result;
  Clock::time_point begin = Clock::now();
  Clock::time_point firstToken = begin;
};

Result<GenerateResult> Generator::run() {
  INGOT_RETURN_IF_ERROR(prepare());
  INGOT_RETURN_IF_ERROR(feedPrompts());
  INGOT_RETURN_IF_ERROR(decodeLoop());
  for (size_t i = 0; i < sequences.size(); ++i)
    if (std::string rest = sequences[i].restOfText(); !rest.empty())
      onToken({-1, rest, {}, i});
  return result;
}

//===----------------------------------------------------------------------===//
// Prompts
//===----------------------------------------------------------------------===//

Status Generator::findEntries() {
  for (auto [step, name] : {std::pair(&decode, "decode"), std::pair(&prefill, "prefill")}) {
    Result<DecoderStep> found = DecoderStep::find(session, name);
    if (!found)
      return found.status();
    *step = *found;
    if (step->found())
      step->setSampler(options.sampler);
  }
  if (!decode.found())
    return Status::invalidArgument("the artifact cannot generate: it has no entry 'decode'");
  if (decode.length() != 1)
    return Status::invalidArgument("entry 'decode' expects one token per step, but takes " +
                                   std::to_string(decode.length()));
  if (prefill.found() && (prefill.slots() != decode.slots() || prefill.vocabulary() != decode.vocabulary()))
    return Status::invalidArgument("entries 'decode' and 'prefill' expect the same batch and vocabulary");
  return Status::success();
}

Status Generator::prepare() {
  INGOT_RETURN_IF_ERROR(checkSampler(options.sampler));
  INGOT_RETURN_IF_ERROR(findEntries());
  if (!options.stops.empty() && !session.artifact().tokenizer())
    return Status::invalidArgument("stop texts need a tokenizer, but the artifact has none");
  if (options.prompts.size() > static_cast<size_t>(decode.slots()))
    return Status::invalidArgument(
        "the artifact runs " + std::to_string(decode.slots()) + (decode.slots() == 1 ? " sequence" : " sequences") +
        " at a time, but got " + std::to_string(options.prompts.size()) + " prompts; compile it with a larger --batch");
  if (options.prompts.empty())
    return Status::invalidArgument("there is no prompt");
  for (size_t i = 0; i < options.prompts.size(); ++i)
    INGOT_RETURN_IF_ERROR(takePrompt(i));
  inStep.assign(static_cast<size_t>(decode.slots()), 0);
  // Texts of tokens are short: they fit into their strings, and nothing is allocated per token.
  events.reserve(sequences.size() * std::max(1u, options.stepsPerLaunch));
  return Status::success();
}

Status Generator::takePrompt(size_t number) {
  const Prompt &prompt = options.prompts[number];
  const SlotState &state = slot(number);
  Sequence &sequence = sequences.emplace_back(options.stops);
  if (prompt.text) {
    const Tokenizer *tokenizer = session.artifact().tokenizer();
    if (!tokenizer)
      return Status::invalidArgument("the artifact has no tokenizer; pass the prompt as tokens");
    sequence.prompt = tokenizer->encode(*prompt.text, state.position == 0 && state.pendingToken < 0);
  } else {
    sequence.prompt = prompt.tokens;
  }
  result.sequences.push_back({sequence.prompt.size(), 0, FinishReason::Length});
  sequence.pendingInPrompt = state.pendingToken >= 0;
  if (sequence.pendingInPrompt)
    sequence.prompt.insert(sequence.prompt.begin(), state.pendingToken);
  startText(sequence, state.position == 0);
  return checkPrompt(sequence, number);
}

/// The text of what is generated begins where that of the prompt ends.
void Generator::startText(Sequence &sequence, bool atStart) const {
  const Tokenizer *tokenizer = session.artifact().tokenizer();
  if (!tokenizer)
    return;
  sequence.text.emplace(*tokenizer, Tokenizer::Position{atStart});
  for (int32_t token : sequence.prompt)
    (void)sequence.text->feed(token);
  (void)sequence.text->flush();
}

Status Generator::checkPrompt(const Sequence &sequence, size_t number) const {
  const std::vector<int32_t> &prompt = sequence.prompt;
  std::string which = options.prompts.size() == 1 ? "the prompt" : "prompt " + std::to_string(number);
  int64_t position = slot(number).position;
  if (prompt.empty())
    return Status::invalidArgument(which + " is empty");
  for (int32_t token : prompt)
    if (token < 0 || token >= decode.vocabulary())
      return Status::invalidArgument(which + " expects tokens from 0 to " + std::to_string(decode.vocabulary() - 1) +
                                     ", but has " + std::to_string(token));
  if (maxSeq() > 0 && static_cast<int64_t>(prompt.size()) > maxSeq() - position)
    return Status::invalidArgument(which + " has " + std::to_string(prompt.size()) + " tokens, but only " +
                                   std::to_string(maxSeq() - position) + " of max_seq " + std::to_string(maxSeq()) +
                                   " positions are free");
  if (static_cast<int64_t>(prompt.size()) > INT32_MAX - position)
    return Status::invalidArgument(which + " is too long");
  return Status::success();
}

/// Chunks go through `prefill`, single tokens through `decode`, whatever the other sequences do: so what a sequence
/// gives does not depend on them.
Status Generator::feedPrompts() {
  bool usePrefill = prefill.found() && !options.decodeOnly;
  while (usePrefill && placeTokens(prefill))
    INGOT_RETURN_IF_ERROR(stepOnce(prefill));
  auto hasRest = [](const Sequence &each) { return !each.rest().empty(); };
  // The last step of this kind also decodes for sequences whose prompts were shorter.
  while (std::any_of(sequences.begin(), sequences.end(), hasRest)) {
    placeTokens(decode);
    INGOT_RETURN_IF_ERROR(stepOnce(decode));
  }
  result.promptSeconds = secondsSince(begin);
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

/// What a sequence feeds next; nothing if it has to sit this step out.
SlotTokens Generator::nextTokens(size_t number, DecoderStep &step) {
  Sequence &sequence = sequences[number];
  SlotState &state = slot(number);
  SlotTokens tokens = {{}, state.position, 0};
  std::span<const int32_t> rest = sequence.rest();
  bool chunks = &step == &prefill;
  if (sequence.ended || (chunks && rest.size() < 2))
    return tokens;
  if (!rest.empty()) {
    tokens.tokens = rest.first(std::min(rest.size(), static_cast<size_t>(step.length())));
    tokens.sampled = sequence.fed == 0 && sequence.pendingInPrompt ? 1 : 0;
  } else {
    tokens.tokens = {&state.pendingToken, 1};
    tokens.sampled = 1;
  }
  return tokens;
}

/// Fills the inputs of `step`. False if no sequence takes part.
bool Generator::placeTokens(DecoderStep &step) {
  bool any = false;
  for (size_t i = 0; i < inStep.size(); ++i) {
    SlotTokens tokens = i < sequences.size() ? nextTokens(i, step) : SlotTokens();
    step.setSlot(static_cast<int64_t>(i), tokens);
    inStep[i] = static_cast<int32_t>(tokens.tokens.size());
    any |= inStep[i] > 0;
  }
  running = &step;
  return any;
}

Status Generator::stepOnce(DecoderStep &step) {
  INGOT_RETURN_IF_ERROR(step.run(session));
  takeStep();
  deliver();
  return finite();
}

/// Moves the sequences on after a step; those whose prompts are fed have a new token.
void Generator::takeStep() {
  for (size_t i = 0; i < sequences.size(); ++i) {
    if (inStep[i] == 0)
      continue;
    Sequence &sequence = sequences[i];
    bool fromPrompt = !sequence.rest().empty();
    if (fromPrompt)
      sequence.fed += static_cast<size_t>(inStep[i]);
    slot(i).position += inStep[i];
    slot(i).pendingToken = -1;
    if (sequence.rest().empty())
      takeChoice(i);
  }
}

/// Accepts the token that was chosen for a sequence and decides whether it is the last.
void Generator::takeChoice(size_t number) {
  Sequence &sequence = sequences[number];
  if (options.maxTokens == 0)
    return end(number, FinishReason::Length);
  int32_t token = running->next(static_cast<int64_t>(number));
  if (token < 0) {
    sawNaN = true;
    return end(number, FinishReason::Length);
  }
  slot(number).pendingToken = token;
  if (!hasTokens) {
    hasTokens = true;
    firstToken = Clock::now();
    result.firstTokenSeconds = std::chrono::duration<double>(firstToken - begin).count();
  }
  uint64_t generated = ++result.sequences[number].generatedTokens;
  const std::vector<int32_t> &eos = session.artifact().manifest().eos;
  bool atEnd = !options.ignoreEos && std::find(eos.begin(), eos.end(), token) != eos.end();
  events.push_back({number, token, atEnd ? std::string() : sequence.textOf(token)});
  if (atEnd)
    end(number, FinishReason::Eos);
  else if (sequence.stop.stopped())
    end(number, FinishReason::Stop);
  else if (generated == options.maxTokens || (maxSeq() > 0 && slot(number).position >= maxSeq()))
    end(number, FinishReason::Length);
}

void Generator::end(size_t number, FinishReason reason) {
  sequences[number].ended = true;
  result.sequences[number].reason = reason;
}

/// Tells the caller about new tokens. Logits are those of the last step: of a token that came before it in the same
/// launch they are gone.
void Generator::deliver() {
  for (size_t i = 0; i < events.size(); ++i) {
    const Event &event = events[i];
    bool last = std::none_of(events.begin() + static_cast<int64_t>(i) + 1, events.end(),
                             [&](const Event &later) { return later.sequence == event.sequence; });
    bool inLastStep = last && inStep[event.sequence] > 0;
    std::span<const float> logits;
    if (inLastStep)
      logits = running->logits(static_cast<int64_t>(event.sequence));
    if (!onToken({event.id, event.text, logits, event.sequence}) && !callerStopped) {
      callerStopped = true;
      for (size_t each = 0; each < sequences.size(); ++each)
        if (!sequences[each].ended || each == event.sequence)
          end(each, FinishReason::Caller);
    }
  }
  events.clear();
  if (hasTokens)
    result.decodeSeconds = secondsSince(firstToken);
}

Status Generator::decodeLoop() {
  while (!allEnded()) {
    placeTokens(decode);
    INGOT_RETURN_IF_ERROR(launch());
  }
  return Status::success();
}

/// Several steps in one launch: what the host has to do between them happens while the workers wait for it.
Status Generator::launch() {
  if (options.stepsPerLaunch <= 1)
    return stepOnce(decode);
  stepsLeft = options.stepsPerLaunch;
  INGOT_RETURN_IF_ERROR(session.runSteps(decode.sessionEntry(), [this] { return between(); }));
  deliver();
  return finite();
}

bool Generator::between() {
  takeStep();
  if (--stepsLeft == 0 || sawNaN || allEnded())
    return false;
  placeTokens(decode);
  return true;
}

} // namespace

uint64_t GenerateResult::promptTokens() const {
  return std::accumulate(sequences.begin(), sequences.end(), uint64_t(0),
                         [](uint64_t sum, const SequenceResult &each) { return sum + each.promptTokens; });
}

uint64_t GenerateResult::generatedTokens() const {
  return std::accumulate(sequences.begin(), sequences.end(), uint64_t(0),
                         [](uint64_t sum, const SequenceResult &each) { return sum + each.generatedTokens; });
}

const char *toString(FinishReason reason) {
  switch (reason) {
  case FinishReason::Length:
    return "length";
  case FinishReason::Eos:
    return "eos";
  case FinishReason::Stop:
    return "stop";
  case FinishReason::Caller:
    return "caller";
  }
  return "unknown";
}

Result<GenerateResult> generate(Session &session, const GenerateOptions &options,
                                const std::function<bool(const GeneratedToken &)> &onToken) {
  return Generator(session, options, onToken).run();
}

} // namespace ingot::runtime
