// A timeline as SVG.
#include "Svg.h"
#include "Timeline.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ingot::tool {

using namespace program;
using namespace svg;

namespace {

constexpr double kLeft = 90, kPlot = 1200, kRow = 22, kGap = 4, kMargin = 16;

/// Neighbouring numbers get colours that lie far apart.
std::string colour(size_t body) {
  return format("hsl(%d,%d%%,%d%%)", static_cast<int>(std::fmod(static_cast<double>(body) * 137.508 + 210, 360)),
                body / 3 % 2 ? 45 : 65, body / 6 % 2 ? 40 : 55);
}

class Picture {
public:
  explicit Picture(const Timeline &timeline)
      : timeline(timeline), program(*timeline.program), step(medianStep(timeline)), measured(step.end - step.begin),
        planned(plannedLength(timeline)),
        scale(kPlot / static_cast<double>(std::max<uint64_t>({measured, planned, 1}))) {
    for (size_t launch = 0; launch < program.launches.size(); ++launch)
      for (int64_t i = 0; i < program.launches[launch].numTasks(); ++i)
        tasks.push_back({static_cast<uint32_t>(launch), i});
  }

  std::string print() {
    uint32_t workers = program.schedule.workers();
    header();
    axis(2 * workers + 2);
    lanes("measured", slicesOf(step, workers));
    lanes("planned", slicesOf(timeline.planned, workers));
    legend();
    return format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
                  "font-family=\"sans-serif\" font-size=\"12\">\n",
                  kLeft + kPlot + kMargin, y + kMargin) +
           "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n" + body + "</svg>\n";
  }

private:
  void header() {
    body += text(kMargin, y += 20, " font-size=\"15\" font-weight=\"bold\"",
                 timeline.model + ", " + program.name + ", " + program.target);
    body += text(kMargin, y += 18, "",
                 format("%u workers, %s, median of %zu steps: %.1f us measured, %.1f us planned",
                        program.schedule.workers(), timeline.launch.c_str(), timeline.steps.size(),
                        static_cast<double>(measured) / 1e3, static_cast<double>(planned) / 1e3));
    y += 12;
  }

  void axis(uint32_t rows) {
    double length = kPlot / scale / 1e3, tick = tickOf(std::max(length, 1e-3), 12); // microseconds
    double bottom = y + 18 + rows * (kRow + kGap);
    for (int i = 0; i * tick <= length; ++i) {
      double x = kLeft + i * tick * 1e3 * scale;
      body += format("<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n", x, x, y + 16, bottom);
      body += text(x, y + 12, " text-anchor=\"middle\" fill=\"#666\"", format("%.6g", i * tick) + (i ? "" : " us"));
    }
    y += 18;
  }

  void lanes(const char *what, const std::vector<std::vector<Slice>> &workers) {
    body += text(kMargin, y + kRow - 6, " font-weight=\"bold\"", what);
    y += kRow;
    for (size_t worker = 0; worker < workers.size(); ++worker) {
      body += text(kMargin, y + kRow - 6, "", "worker " + std::to_string(worker));
      for (const Slice &slice : workers[worker])
        draw(slice);
      y += kRow + kGap;
    }
    y += kGap;
  }

  void draw(const Slice &slice) {
    std::string fill = "#ccc", title = "wait";
    double height = slice.isWait() ? kRow / 2 : kRow;
    if (!slice.isWait()) {
      TaskRef task = tasks[slice.task];
      fill = colour(program.launches[task.launch].body);
      title = escape(taskName(program, task) + " " + program.bodies[program.launches[task.launch].body].symbol);
    }
    body += format("<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\" fill=\"%s\"><title>",
                   kLeft + static_cast<double>(slice.begin) * scale, y + (kRow - height) / 2,
                   static_cast<double>(slice.end - slice.begin) * scale, height, fill.c_str()) +
            title +
            format(": %.3f us from %.3f us</title></rect>\n", static_cast<double>(slice.end - slice.begin) / 1e3,
                   static_cast<double>(slice.begin) / 1e3);
  }

  void legend() {
    std::vector<BodyTime> times = bodyTimes(timeline, step);
    uint64_t busy = 0;
    for (const BodyTime &time : times)
      busy += time.measured;
    y += 8;
    const char *right = " text-anchor=\"end\" fill=\"#666\"";
    const char *titles[] = {"tasks", "measured, us", "planned, us"};
    for (int i = 0; i < 3; ++i)
      body += text(kLeft + 760 + 110 * i, y + 12, right, titles[i]);
    y += kRow;
    auto row = [&](const std::string &fill, const std::string &name, const std::vector<std::string> &cells) {
      body +=
          format("<rect x=\"%.1f\" y=\"%.1f\" width=\"14\" height=\"14\" fill=\"%s\"/>\n", kMargin, y, fill.c_str());
      body += text(kMargin + 22, y + 12, "", name);
      for (size_t i = 0; i < cells.size(); ++i)
        body += text(kLeft + 760 + 110 * static_cast<double>(i), y + 12, " text-anchor=\"end\"", cells[i]);
      y += kRow;
    };
    for (size_t i = 0; i < times.size(); ++i)
      row(colour(i), program.bodies[i].symbol,
          {std::to_string(times[i].tasks), format("%.1f", static_cast<double>(times[i].measured) / 1e3),
           format("%.1f", static_cast<double>(times[i].planned) / 1e3)});
    uint64_t all = measured * program.schedule.workers();
    row("#ccc", "waiting", {"", format("%.1f", static_cast<double>(all - std::min(all, busy)) / 1e3)});
  }

  const Timeline &timeline;
  const Program &program;
  const RecordedStep &step;
  uint64_t measured, planned; // nanoseconds
  double scale;               // user units per nanosecond
  std::vector<TaskRef> tasks;
  std::string body;
  double y = 0;
};

} // namespace

std::string printPicture(const Timeline &timeline) { return Picture(timeline).print(); }

} // namespace ingot::tool
