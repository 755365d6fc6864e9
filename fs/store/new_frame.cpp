#include "fs/store/new_frame.hpp"

#include "zstdfs/zero_frame.hpp"

namespace zstdfs::store {

NewFrame make_frame(ByteSpan content, const FrameRecipe& recipe) {
  thread_local FrameEncoder encoder;
  NewFrame frame;
  frame.logical_bytes = static_cast<std::uint32_t>(content.size());
  if (all_zeros(content)) return frame;
  frame.stored = encoder.encode(content, recipe);
  frame.checksum = load_le<std::uint32_t>(frame.stored, frame.stored.size() - 4);
  return frame;
}

}  // namespace zstdfs::store
