#include "tools/speed_plot.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace zstdfs::tools {
namespace {

constexpr double kWidth = 800;
constexpr double kHeight = 500;
constexpr double kLeft = 70;
constexpr double kRight = 30;
constexpr double kTop = 50;
constexpr double kBottom = 60;
constexpr double kCharWidth = 6.6;  // of the labels' font, about
constexpr double kLineHeight = 14;
constexpr std::size_t kColours = 4;

// Explicit colours for readers of SVG that know nothing of colour schemes.
constexpr const char* kStyle = R"(<style>
  text { font: 12px sans-serif; fill: #222 }
  .title { font-size: 15px }
  .ground { fill: #fff }
  .grid { stroke: #ccc; stroke-width: 1 }
  .line { fill: none; stroke-width: 1.5; opacity: .5 }
  .ring { fill: none; stroke: #222; stroke-width: 1.5 }
  .p0 { fill: #0b62c4 } .l0 { stroke: #0b62c4 }
  .p1 { fill: #c2410c } .l1 { stroke: #c2410c }
  .p2 { fill: #15803d } .l2 { stroke: #15803d }
  .p3 { fill: #7e22ce } .l3 { stroke: #7e22ce }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd }
    .ground { fill: #181818 }
    .grid { stroke: #444 }
    .ring { stroke: #ddd }
    .p0 { fill: #6cb2ff } .l0 { stroke: #6cb2ff }
    .p1 { fill: #ff9d6b } .l1 { stroke: #ff9d6b }
    .p2 { fill: #6fdd94 } .l2 { stroke: #6fdd94 }
    .p3 { fill: #cf9bff } .l3 { stroke: #cf9bff }
  }
</style>
)";

std::string number(double value, const char* format = "%.1f") {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), format, value);
  return text.data();
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

struct Range {
  double low = 0;
  double high = 1;
};

struct Box {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;

  bool overlaps(const Box& other) const {
    return x < other.x + other.width && other.x < x + width && y < other.y + other.height &&
           other.y < y + height;
  }
};

class Plot {
 public:
  Plot(const std::string& title, const std::vector<PlotSeries>& series) : series_(series) {
    find_ranges();
    svg_ = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + number(kWidth, "%.0f") +
           " " + number(kHeight, "%.0f") + "\" role=\"img\">\n<title>" + escaped(title) +
           "</title>\n" + kStyle + "<rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n";
    text({kLeft, 25, "start", "title"}, title);
  }

  std::string draw() {
    draw_speeds();
    draw_ratios();
    for (std::size_t i = 0; i < series_.size(); ++i) draw_series(i);
    for (const PlotSeries& series : series_) {
      for (const PlotPoint& point : series.points) draw_label(point);
    }
    return svg_ + "</svg>\n";
  }

 private:
  struct TextPlace {
    double x = 0;
    double y = 0;
    const char* anchor = "start";
    const char* style = "";
  };

  void find_ranges() {
    bool first = true;
    for (const PlotSeries& series : series_) {
      for (const PlotPoint& point : series.points) {
        if (first) speeds_ = {point.speed, point.speed};
        if (first) ratios_ = {point.ratio, point.ratio};
        first = false;
        speeds_ = {std::min(speeds_.low, point.speed), std::max(speeds_.high, point.speed)};
        ratios_ = {std::min(ratios_.low, point.ratio), std::max(ratios_.high, point.ratio)};
        points_.push_back(&point);
      }
    }
    speeds_ = {speeds_.low / 1.4, speeds_.high * 1.6};  // room for labels
    const double margin = std::max(0.02, (ratios_.high - ratios_.low) * 0.15);
    ratios_ = {std::max(0.0, ratios_.low - margin), ratios_.high + margin};
  }

  double x_of(double speed) const {
    const double share = (std::log(speed) - std::log(speeds_.low)) /
                         (std::log(speeds_.high) - std::log(speeds_.low));
    return kLeft + share * (kWidth - kLeft - kRight);
  }
  double y_of(double ratio) const {
    const double share = (ratio - ratios_.low) / (ratios_.high - ratios_.low);
    return kHeight - kBottom - share * (kHeight - kTop - kBottom);
  }

  void text(const TextPlace& place, const std::string& content) {
    svg_ += "<text x=\"" + number(place.x) + "\" y=\"" + number(place.y) + "\" text-anchor=\"" +
            place.anchor + "\" class=\"" + place.style + "\">" + escaped(content) + "</text>\n";
  }

  void grid_line(double x1, double y1, double x2, double y2) {
    svg_ += "<line class=\"grid\" x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" +
            number(x2) + "\" y2=\"" + number(y2) + "\"/>\n";
  }

  void draw_speeds() {
    for (double decade = 0.001; decade < speeds_.high; decade *= 10) {
      for (const int step : {1, 2, 5}) {
        const double speed = decade * step;
        if (speed < speeds_.low || speed > speeds_.high) continue;
        grid_line(x_of(speed), kTop, x_of(speed), kHeight - kBottom);
        text({x_of(speed), kHeight - kBottom + 18, "middle"}, number(speed, "%g"));
      }
    }
    text({kLeft + (kWidth - kLeft - kRight) / 2, kHeight - 15, "middle"},
         "compression speed of one processor, MiB/s");
  }

  void draw_ratios() {
    // About five lines, at distances that are 1, 2 or 5 times a power of ten.
    const double raw = (ratios_.high - ratios_.low) / 5;
    const double power = std::pow(10, std::floor(std::log10(raw)));
    const double step = power * (raw / power > 5 ? 10 : raw / power > 2 ? 5 : 2);
    for (double n = std::ceil(ratios_.low / step); n * step <= ratios_.high; ++n) {
      const double ratio = n * step;
      grid_line(kLeft, y_of(ratio), kWidth - kRight, y_of(ratio));
      text({kLeft - 8, y_of(ratio) + 4, "end"}, number(ratio, "%g"));
    }
    text({kLeft, kTop - 8, "start"}, "ratio");
  }

  void draw_series(std::size_t i) {
    const PlotSeries& series = series_[i];
    const std::string colour = std::to_string(i % kColours);
    std::string line;
    for (const PlotPoint& point : series.points) {
      line += number(x_of(point.speed)) + "," + number(y_of(point.ratio)) + " ";
    }
    svg_ += "<polyline class=\"line l" + colour + "\" points=\"" + line + "\"/>\n";
    for (const PlotPoint& point : series.points) {
      const std::string at =
          "cx=\"" + number(x_of(point.speed)) + "\" cy=\"" + number(y_of(point.ratio)) + "\"";
      svg_ += "<circle class=\"p" + colour + "\" " + at + " r=\"4\"/>\n";
      if (point.highlighted) svg_ += "<circle class=\"ring\" " + at + " r=\"8\"/>\n";
    }
    const double y = kTop + 14 + static_cast<double>(i) * 18;
    svg_ += "<circle class=\"p" + colour + "\" cx=\"" + number(kWidth - kRight - 8) + "\" cy=\"" +
            number(y - 4) + "\" r=\"4\"/>\n";
    text({kWidth - kRight - 18, y, "end"}, series.name);
    const double width = static_cast<double>(series.name.size()) * kCharWidth + 30;
    taken_.push_back({kWidth - kRight - width, y - kLineHeight, width, 18});
  }

  /// Puts a label where it covers neither another one nor a point, if there is such a place.
  void draw_label(const PlotPoint& point) {
    const double x = x_of(point.speed);
    const double y = y_of(point.ratio);
    const double width = static_cast<double>(point.label.size()) * kCharWidth;
    const std::array places = {Box{x + 9, y - 7, width, kLineHeight},
                               Box{x - 9 - width, y - 7, width, kLineHeight},
                               Box{x - width / 2, y - 24, width, kLineHeight},
                               Box{x - width / 2, y + 10, width, kLineHeight}};
    const auto* const free =
        std::find_if(places.begin(), places.end(), [this](const Box& box) { return is_free(box); });
    const Box& box = free == places.end() ? places.front() : *free;
    taken_.push_back(box);
    text({box.x, box.y + kLineHeight - 3, "start"}, point.label);
  }

  bool is_free(const Box& box) const {
    if (box.x < kLeft || box.x + box.width > kWidth) return false;
    const auto covers = [&](const PlotPoint* point) {
      return box.overlaps({x_of(point->speed) - 4, y_of(point->ratio) - 4, 8, 8});
    };
    return std::none_of(taken_.begin(), taken_.end(),
                        [&](const Box& other) { return box.overlaps(other); }) &&
           std::none_of(points_.begin(), points_.end(), covers);
  }

  const std::vector<PlotSeries>& series_;
  Range speeds_;
  Range ratios_;
  std::vector<const PlotPoint*> points_;
  std::vector<Box> taken_;  // by labels
  std::string svg_;
};

}  // namespace

std::string plot_svg(const std::string& title, const std::vector<PlotSeries>& series) {
  return Plot(title, series).draw();
}

}  // namespace zstdfs::tools
