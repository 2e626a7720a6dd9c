#include "runtime/trainer/Schedule.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <string>

namespace ingot::runtime {

namespace {

/// How much of the way from `from` to `to` step `t` has done.
double progress(uint64_t t, uint64_t from, uint64_t to) {
  return to == from ? 1 : static_cast<double>(t - from) / static_cast<double>(to - from);
}

double cosine(double high, double low, double x) {
  return low + (high - low) / 2 * (std::cos(std::numbers::pi * x) + 1);
}

double inverseSqrt(double high, double low, double x) {
  auto h = [](double x) { return 1 / std::sqrt(1 + 10 * x) - 1; };
  return x == 1 ? low : high + (low - high) * (h(x) / h(1));
}

Status checkOrder(const char *first, uint64_t a, const char *second, uint64_t b) {
  if (a <= b)
    return Status::success();
  return Status::invalidArgument("the schedule expects its " + std::string(first) + ", " + std::to_string(a) +
                                 ", not to be after its " + second + ", " + std::to_string(b));
}

} // namespace

Status Schedule::check() const {
  for (double rate : {peak, least, stable})
    if (!(rate <= FLT_MAX && static_cast<float>(rate) > 0)) { // the step takes them as float32
      char text[64];
      std::snprintf(text, sizeof(text), "%g", rate);
      return Status::invalidArgument("the schedule expects learning rates that are finite and more than 0 in float32, "
                                     "but got " +
                                     std::string(text));
    }
  if (kind != ScheduleKind::Constant && least > peak)
    return Status::invalidArgument("the schedule expects a last learning rate of at most the peak");
  if (kind == ScheduleKind::Infinite && (stable > peak || stable < least))
    return Status::invalidArgument("the schedule expects a stable learning rate between the last one and the peak");
  INGOT_RETURN_IF_ERROR(checkOrder("warm-up", warmup, "last step", end));
  if (kind == ScheduleKind::Infinite) {
    INGOT_RETURN_IF_ERROR(checkOrder("warm-up", warmup, "stable part", stableFrom));
    INGOT_RETURN_IF_ERROR(checkOrder("stable part", stableFrom, "annealing", annealFrom));
  }
  if (kind == ScheduleKind::Wsd)
    INGOT_RETURN_IF_ERROR(checkOrder("warm-up", warmup, "annealing", annealFrom));
  if (kind == ScheduleKind::Wsd || kind == ScheduleKind::Infinite)
    return checkOrder("annealing", annealFrom, "last step", end);
  return Status::success();
}

double Schedule::at(uint64_t step) const {
  uint64_t t = std::min(step, end);
  if (t < warmup)
    return peak * static_cast<double>(t) / static_cast<double>(warmup);
  switch (kind) {
  case ScheduleKind::Constant:
    return peak;
  case ScheduleKind::Cosine:
    return cosine(peak, least, progress(t, warmup, end));
  case ScheduleKind::Wsd:
    return t <= annealFrom ? peak : peak + (least - peak) * progress(t, annealFrom, end);
  case ScheduleKind::Infinite:
    if (t < stableFrom)
      return coolDown == CoolDown::Cosine ? cosine(peak, stable, progress(t, warmup, stableFrom))
                                          : inverseSqrt(peak, stable, progress(t, warmup, stableFrom));
    return t <= annealFrom ? stable : stable * std::pow(least / stable, progress(t, annealFrom, end));
  }
  return peak;
}

} // namespace ingot::runtime
