#include "tests/fuzz/targets.hpp"

#include <array>

namespace zstdfs::fuzz {

std::span<const Target> all_targets() {
  static constexpr std::array kTargets{Target{"header", header_target},
                                       Target{"seek_table", seek_table_target},
                                       Target{"frame_walk", frame_walk_target},
                                       Target{"container", container_target},
                                       Target{"frame_parameters", frame_parameters_target},
                                       Target{"one_shot", one_shot_target},
                                       Target{"streaming", streaming_target},
                                       Target{"dictionary", dictionary_target},
                                       Target{"buffers", buffers_target},
                                       Target{"frames", frames_target},
                                       Target{"seekable", seekable_target},
                                       Target{"sequences", sequences_target},
                                       Target{"blocks", blocks_target},
                                       Target{"patch", patch_target},
                                       Target{"write_log", write_log_target},
                                       Target{"redo", redo_target},
                                       Target{"policy", policy_target}};
  return kTargets;
}

}  // namespace zstdfs::fuzz
