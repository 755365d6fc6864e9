#pragma once

#include <string>
#include <vector>

namespace zstdfs::tools {

struct PlotPoint {
  double speed = 0;  ///< MiB/s, above 0
  double ratio = 0;
  std::string label;
  bool highlighted = false;
};

/// Points that belong together: joined by a line, in one colour.
struct PlotSeries {
  std::string name;
  std::vector<PlotPoint> points;
};

/// A chart of ratio over speed (logarithmic) as an SVG document that needs nothing else and can be
/// read on light and on dark ground. At most 4 series have colours of their own.
std::string plot_svg(const std::string& title, const std::vector<PlotSeries>& series);

}  // namespace zstdfs::tools
