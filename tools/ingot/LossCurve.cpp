// Losses as SVG, in the style of timelines.
#include "Svg.h"
#include "TrainReport.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

namespace ingot::tool {

using namespace svg;

namespace {

constexpr double kLeft = 70, kTop = 50, kWidth = 900, kHeight = 400, kMargin = 16;

struct Range {
  double low, high;
  double at(double value) const { return (value - low) / (high - low); }
};

/// Round values in a range. There are never many, also where a tick is lost in the digits of the values.
std::vector<double> ticksOf(const Range &range, double tick) {
  std::vector<double> ticks;
  double first = std::ceil(range.low / tick);
  for (int i = 0; i < 20 && (first + i) * tick <= range.high; ++i)
    ticks.push_back((first + i) * tick);
  return ticks;
}

std::string axes(const Range &steps, const Range &losses) {
  std::string out;
  for (double loss : ticksOf(losses, tickOf(std::max(losses.high - losses.low, 1e-9), 6))) {
    double y = kTop + kHeight * (1 - losses.at(loss));
    out += format("<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", kLeft, y, kLeft + kWidth,
                  y);
    out += text(kLeft - 6, y + 4, " text-anchor=\"end\"", format("%.6g", loss));
  }
  for (double step : ticksOf(steps, std::max(1.0, tickOf(std::max(steps.high - steps.low, 1e-9), 6))))
    out += text(kLeft + kWidth * steps.at(step), kTop + kHeight + 16, " text-anchor=\"middle\"", format("%.0f", step));
  return out;
}

/// More points than a picture can show: neighbours become one, with their mean.
std::map<uint64_t, double> thinned(const std::map<uint64_t, double> &losses) {
  constexpr size_t kMost = 2000;
  size_t group = (losses.size() + kMost - 1) / kMost;
  if (group <= 1)
    return losses;
  std::map<uint64_t, double> result;
  for (auto it = losses.begin(); it != losses.end();) {
    double sum = 0;
    size_t count = 0;
    uint64_t last = 0;
    for (; count < group && it != losses.end(); ++count, ++it) {
      sum += it->second;
      last = it->first;
    }
    result[last] = sum / static_cast<double>(count);
  }
  return result;
}

} // namespace

std::string printLossCurve(const std::string &title, const std::map<uint64_t, double> &all) {
  std::map<uint64_t, double> losses = thinned(all);
  Range steps = {0, 1}, range = {0, 1};
  if (!losses.empty()) {
    auto [least, most] =
        std::minmax_element(losses.begin(), losses.end(), [](auto &a, auto &b) { return a.second < b.second; });
    double size = std::max(std::abs(least->second), std::abs(most->second));
    double room = std::max({(most->second - least->second) * 0.05, size * 1e-6, 1e-6});
    range = {least->second - room, most->second + room};
    auto first = static_cast<double>(losses.begin()->first), last = static_cast<double>(losses.rbegin()->first);
    steps = {first, std::max(last, first + 1)};
  }
  std::string out = format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                           "font-family=\"sans-serif\" font-size=\"12\">\n",
                           kLeft + kWidth + kMargin, kTop + kHeight + 40) +
                    "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  out += text(kMargin, 24, " font-size=\"15\" font-weight=\"bold\"", title);
  out += axes(steps, range);
  out += "<polyline fill=\"none\" stroke=\"#1f77b4\" stroke-width=\"1.5\" points=\"";
  for (const auto &[step, loss] : losses)
    out += format("%.1f,%.1f ", kLeft + kWidth * steps.at(static_cast<double>(step)),
                  kTop + kHeight * (1 - range.at(loss)));
  out += "\"/>\n";
  out += text(kLeft + kWidth / 2, kTop + kHeight + 34, " text-anchor=\"middle\"", "step");
  return out + "</svg>\n";
}

} // namespace ingot::tool
