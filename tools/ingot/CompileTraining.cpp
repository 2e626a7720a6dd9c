#include "CompileTraining.h"

#include "Usage.h"

using namespace ingot;

namespace {

/// Numbers from 0 to below `end`.
CLI::Validator below(double end) {
  auto check = [=](const std::string &text) -> std::string {
    double value = 0;
    bool number = CLI::detail::lexical_cast(text, value);
    if (number && value >= 0 && value < end)
      return {};
    return "expects a number from 0" + std::string(end <= 1 ? " to below 1" : " on") + ", but got '" + text + "'";
  };
  return CLI::Validator(check, "");
}

} // namespace

void tool::declareTraining(CLI::App &app, CompileOptions &o) {
  constexpr double kAny = 1e30;
  app.add_option(
         "--train", o.optimizer,
         "adds the entry train_step, which trains the model with this optimizer: its entry `loss`, or predicting "
         "the next token where it returns logits")
      ->check(tool::oneOf({"adamw", "adam", "sgd"}, {"adafactor"}))
      ->type_name("adamw|adam|sgd");
  app.add_option("--train-batch", o.trainBatch, "sequences of a step of training, for ONNX decoders")
      ->check(tool::whole(1, uint64_t(1) << 20))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--train-seq", o.trainRows,
                 "tokens of each of them (default: 64, or all positions of the model if fewer)")
      ->check(tool::whole(1, uint64_t(1) << 20))
      ->type_name("N");
  app.add_option("--z-loss", o.zLoss, "weight of the squared log-sum-exp in the loss of a model that returns logits")
      ->check(below(kAny))
      ->type_name("X")
      ->capture_default_str();
  app.add_option("--clip-norm", o.clipNorm, "largest norm of all gradients together; 0: any")
      ->check(below(kAny))
      ->type_name("X")
      ->capture_default_str();
  app.add_option("--weight-decay", o.weightDecay,
                 "of matrices that are no embeddings (default: 0.1 with adamw, else 0)")
      ->check(below(kAny))
      ->type_name("X");
  app.add_option("--beta1", o.beta1, "share of the first moment that a step of adamw and adam keeps")
      ->check(below(1))
      ->type_name("X")
      ->capture_default_str();
  app.add_option("--beta2", o.beta2, "share of the second moment that a step of adamw and adam keeps")
      ->check(below(1))
      ->type_name("X")
      ->capture_default_str();
  app.add_option("--eps", o.eps, "what adamw and adam add to the root of the second moment")
      ->check(below(kAny))
      ->type_name("X")
      ->capture_default_str();
  app.add_option("--momentum", o.momentum, "share of its moment that a step of sgd keeps")
      ->check(below(1))
      ->type_name("X")
      ->capture_default_str();
}

std::string tool::checkTraining(const CLI::App &app, const CompileOptions &options, const std::string &from) {
  auto given = [&](const char *flag) { return app.get_option(flag)->count() > 0; };
  const std::string &optimizer = options.optimizer;
  for (const char *flag : {"--train-batch", "--train-seq", "--z-loss", "--clip-norm", "--weight-decay", "--beta1",
                           "--beta2", "--eps", "--momentum"})
    if (given(flag) && optimizer.empty())
      return std::string(flag) + " needs --train";
  if (optimizer.empty())
    return {};
  if (optimizer == "adafactor")
    return "--train adafactor is not supported yet";
  if (options.from > Stage::Ingot)
    return "--train is for tensor programs, but got --from " + from;
  if (options.precision != "f32")
    return "--train with --precision " + options.precision + " is not supported yet";
  if (given("--momentum") && optimizer != "sgd")
    return "--momentum is for --train sgd, but got --train " + optimizer;
  for (const char *flag : {"--beta1", "--beta2", "--eps"})
    if (given(flag) && optimizer == "sgd")
      return std::string(flag) + " is for --train adamw and adam, but got --train sgd";
  return {};
}
