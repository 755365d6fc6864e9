#pragma once

#include <span>
#include <string_view>

#include "zstdfs/bytes.hpp"

// One target for each decoder of untrusted bytes. A target takes any bytes; it aborts (by
// FUZZ_REQUIRE or a sanitizer) when the decoder breaks its contract, and returns otherwise. The
// same targets run under libFuzzer and, with the files of corpus/, as ordinary tests.

namespace zstdfs::fuzz {

void header_target(ByteSpan input);
void seek_table_target(ByteSpan input);
void frame_walk_target(ByteSpan input);
void container_target(ByteSpan input);
void frame_parameters_target(ByteSpan input);
void one_shot_target(ByteSpan input);
void streaming_target(ByteSpan input);
void dictionary_target(ByteSpan input);
void buffers_target(ByteSpan input);
void frames_target(ByteSpan input);
void seekable_target(ByteSpan input);
void sequences_target(ByteSpan input);
void blocks_target(ByteSpan input);
void patch_target(ByteSpan input);
void write_log_target(ByteSpan input);
void redo_target(ByteSpan input);
void policy_target(ByteSpan input);

struct Target {
  std::string_view name;  ///< also that of the folder in corpus/
  void (*run)(ByteSpan input);
};

std::span<const Target> all_targets();

}  // namespace zstdfs::fuzz
