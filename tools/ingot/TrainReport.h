// What `ingot train` tells about a run: a line per step, a log, a picture.
#pragma once

#include "ingot/runtime.h"

#include "runtime/support/Status.h"
#include "runtime/trainer/Metrics.h"

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <string>

namespace ingot::tool {

using runtime::Status;

/// Losses by step as SVG.
std::string printLossCurve(const std::string &title, const std::map<uint64_t, double> &losses);

/// What utilisation is computed with; without a peak there is none.
struct Utilisation {
  double flopsPerStep = 0, peakFlops = 0; // operations, and operations per second of all workers
  std::string convention;                 // how the former are counted
};

class TrainReport {
public:
  /// `log` may be empty. Nothing is opened before the first event.
  TrainReport(std::string log, uint64_t steps, Utilisation utilisation)
      : log(std::move(log)), steps(steps), counted(std::move(utilisation)) {}

  /// Takes notice of an event and prints its line to standard error.
  void take(const ingot_train_report &report);
  /// The first thing that went wrong; later events are not logged.
  const Status &status() const { return failure; }
  /// Flushes the log.
  Status finish();

  /// Of all steps that are known, those in the log of a resumed run included.
  const std::map<uint64_t, double> &losses() const { return curve; }

  /// The line of a step, without a line end; `average` is of the utilisation.
  static std::string stepLine(const ingot_train_report &report, uint64_t steps, const Utilisation &counted,
                              const runtime::RunningAverage &average);

private:
  struct Closer {
    void operator()(std::FILE *file) const { std::fclose(file); }
  };
  Status openLog(bool resumed, uint64_t step);
  void write(const std::string &line);

  std::string log;
  uint64_t steps;
  Utilisation counted;
  runtime::RunningAverage average{5}; // the first steps warm up
  std::map<uint64_t, double> curve;
  std::unique_ptr<std::FILE, Closer> file;
  bool opened = false;
  Status failure;
};

} // namespace ingot::tool
