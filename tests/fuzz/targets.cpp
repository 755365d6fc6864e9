#include "tests/fuzz/targets.hpp"

#include <array>

namespace zstdfs::fuzz {

std::span<const Target> all_targets() {
  static constexpr std::array<Target, 4> kTargets = {{{"header", header_target},
                                                      {"seek_table", seek_table_target},
                                                      {"frame_walk", frame_walk_target},
                                                      {"container", container_target}}};
  return kTargets;
}

}  // namespace zstdfs::fuzz
