#include <stdexcept>
#include <string>
#include <utility>

#include "decompression_pull.hpp"
#include "decompression_states.hpp"

namespace zstdfs {
namespace {

class DecompressedChunks final : public ByteChunks::Maker {
 public:
  DecompressedChunks(DecompressionPull pull, const DecompressionIteratorOptions& options)
      : pull_(std::move(pull)), options_(options) {}

  ByteSpan next() override {
    const ExclusiveUse in_use = pull_.stream().use();
    if (is_at_start_ && options_.skip_bytes != 0) skip();
    is_at_start_ = false;
    const MutableByteSpan out = pull_.stream().output_scratch().at_least(options_.write_size);
    pull_.begin_read();
    return out.first(pull_.pull(out, DecompressionPull::Wait::kForAny));
  }

  std::uint64_t bytes_consumed() const override {
    const ExclusiveUse in_use = pull_.stream().enter();
    return pull_.stream().consumed();
  }

 private:
  void skip() {
    SourceInput& input = pull_.input();
    input.refill(pull_.stream().input_scratch());
    if (options_.skip_bytes >= input.pending().size()) {
      throw std::invalid_argument("skip_bytes is " + std::to_string(options_.skip_bytes) +
                                  ", but the first piece of input has only " +
                                  std::to_string(input.pending().size()) + " bytes");
    }
    input.pending() = input.pending().subspan(options_.skip_bytes);
  }

  DecompressionPull pull_;
  const DecompressionIteratorOptions options_;
  bool is_at_start_ = true;
};

}  // namespace

ByteChunks decompressed_chunks(std::shared_ptr<DecompressionContext> context, SourceInput input,
                               const DecompressionIteratorOptions& options) {
  require_nonzero(options.write_size, "write_size");
  if (options.skip_bytes >= options.read_size) {
    throw std::invalid_argument("skip_bytes must be smaller than read_size");
  }
  DecompressionPull pull(std::move(context), std::move(input),
                         options.read_across_frames ? DecompressionPull::FrameEnd::kGoOn
                                                    : DecompressionPull::FrameEnd::kEndsStream);
  return ByteChunks(std::make_unique<DecompressedChunks>(std::move(pull), options));
}

}  // namespace zstdfs
