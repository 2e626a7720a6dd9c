#include "TrainReport.h"

#include "Support.h"

#include "runtime/formats/File.h"
#include "runtime/formats/Json.h"

#include <cerrno>
#include <cstring>

namespace ingot::tool {

using runtime::Json;
using runtime::OrderedJson;

namespace {

template <typename... Values> std::string format(const char *pattern, Values... values) {
  char text[512];
  std::snprintf(text, sizeof(text), pattern, values...);
  return text;
}

double mfuOf(const ingot_train_report &report, const Utilisation &counted) {
  return runtime::utilisation(counted.flopsPerStep, report.seconds, counted.peakFlops);
}

Status cannotWrite(const std::string &path) {
  return Status::io("cannot write '" + path + "': " + std::strerror(errno ? errno : EIO));
}

/// Lines of a log up to a step, and their losses. A run that was killed may have logged steps that are done again.
std::string keptLines(std::string_view text, uint64_t step, std::map<uint64_t, double> &losses) {
  std::string kept;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    runtime::Result<Json> json = runtime::parseJson(line);
    if (!json || !json->is_object() || !json->contains("step") || !(*json)["step"].is_number_unsigned() ||
        (*json)["step"].get<uint64_t>() > step)
      continue;
    kept += std::string(line) + "\n";
    if (json->contains("loss") && (*json)["loss"].is_number())
      losses[(*json)["step"].get<uint64_t>()] = (*json)["loss"].get<double>();
  }
  return kept;
}

} // namespace

std::string TrainReport::stepLine(const ingot_train_report &report, uint64_t steps, const Utilisation &counted,
                                  const runtime::RunningAverage &average) {
  std::string line = format("step %llu/%llu  loss %.4f  lr %.3e", static_cast<unsigned long long>(report.step),
                            static_cast<unsigned long long>(steps), report.loss, report.learning_rate);
  if (report.grad_norm != 0)
    line += format("  grad norm %.3f", report.grad_norm);
  line += format("  %.1f ms  %.0f tokens/s", report.seconds * 1e3,
                 report.seconds > 0 ? static_cast<double>(report.tokens) / report.seconds : 0.0);
  if (counted.peakFlops > 0)
    line += format("  mfu %.2f%%", 100 * (average.known() ? average.value() : mfuOf(report, counted)));
  return line;
}

void TrainReport::take(const ingot_train_report &report) {
  if (!opened && report.event != INGOT_TRAIN_UNREADABLE) { // only then it is known where the run begins
    failure = openLog(report.event == INGOT_TRAIN_RESUMED, report.step);
    opened = true;
  }
  switch (report.event) {
  case INGOT_TRAIN_STEP: {
    double mfu = mfuOf(report, counted);
    average.add(mfu);
    curve[report.step] = report.loss;
    std::fprintf(stderr, "%s\n", stepLine(report, steps, counted, average).c_str());
    OrderedJson json = {{"step", report.step},
                        {"loss", report.loss},
                        {"average_loss", report.average_loss},
                        {"learning_rate", report.learning_rate},
                        {"grad_norm", report.grad_norm},
                        {"seconds", report.seconds},
                        {"tokens", report.tokens}};
    if (counted.peakFlops > 0)
      json["mfu"] = mfu;
    return write(json.dump());
  }
  case INGOT_TRAIN_RESUMED:
    std::fprintf(stderr, "resumed from '%s'\n", printable(report.path).c_str());
    return;
  case INGOT_TRAIN_UNREADABLE:
    std::fprintf(stderr, "warning: '%s' is damaged and is passed over\n", printable(report.path).c_str());
    return;
  case INGOT_TRAIN_REWOUND:
    std::fprintf(stderr, "warning: the loss of step %llu is a spike; back to '%s'\n",
                 static_cast<unsigned long long>(report.step), printable(report.path).c_str());
    return write(OrderedJson({{"step", report.step}, {"event", "rewound"}}).dump());
  }
}

Status TrainReport::openLog(bool resumed, uint64_t step) {
  if (log.empty())
    return Status::success();
  std::string kept;
  if (resumed) {
    runtime::Result<runtime::MappedFile> before = runtime::MappedFile::open(log);
    if (before)
      kept = keptLines({reinterpret_cast<const char *>(before->bytes().data()), before->bytes().size()}, step, curve);
  }
  errno = 0;
  file.reset(std::fopen(log.c_str(), "we"));
  if (!file || std::fwrite(kept.data(), 1, kept.size(), file.get()) != kept.size() || std::fflush(file.get()) != 0)
    return cannotWrite(log);
  return Status::success();
}

void TrainReport::write(const std::string &line) {
  if (!file || !failure.ok())
    return;
  errno = 0;
  if (std::fprintf(file.get(), "%s\n", line.c_str()) < 0 || std::fflush(file.get()) != 0)
    failure = cannotWrite(log);
}

Status TrainReport::finish() {
  errno = 0;
  if (file && std::fclose(file.release()) != 0 && failure.ok())
    failure = cannotWrite(log);
  return failure;
}

} // namespace ingot::tool
