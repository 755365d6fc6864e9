#include "zstdfs/decompression_object.hpp"

#include <algorithm>
#include <exception>
#include <functional>
#include <limits>
#include <utility>

#include "decompression_states.hpp"

namespace zstdfs {
namespace {

/// Up to how many times its size an input is believed to decompress to.
constexpr std::size_t kLikelyRatio = 32;

}  // namespace

ZstdDecompressionObj::State::State(std::shared_ptr<DecompressionContext> context,
                                   const DecompressionObjectOptions& given)
    : stream(std::move(context)), options(given) {}

ZstdDecompressionObj::ZstdDecompressionObj(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
ZstdDecompressionObj::~ZstdDecompressionObj() = default;
ZstdDecompressionObj::ZstdDecompressionObj(ZstdDecompressionObj&&) noexcept = default;
ZstdDecompressionObj& ZstdDecompressionObj::operator=(ZstdDecompressionObj&&) noexcept = default;

void ZstdDecompressionObj::State::run(ByteSpan& in, Bytes& out, std::size_t max_length) {
  // The pieces go through a buffer: a vector's new bytes would be set to zero first, and those of a
  // whole step are many more than most calls produce.
  while ((!in.empty() || stream.has_pending_output()) && out.size() < max_length) {
    const std::size_t room = std::min(options.write_size, max_length - out.size());
    const MutableByteSpan piece = stream.output_scratch().at_least(room);
    MutableByteSpan rest = piece;
    const FrameStream::Event event = stream.step(in, rest);
    // A frame may claim more content than there is memory.
    if (out.empty()) {
      out.reserve(static_cast<std::size_t>(
          std::min<std::uint64_t>({stream.content_left(), max_length, in.size() * kLikelyRatio})));
    }
    out.insert(out.end(), piece.begin(), piece.end() - static_cast<std::ptrdiff_t>(rest.size()));
    if (event == FrameStream::Event::kDataFrameEnd && !options.read_across_frames) {
      finished = true;
      return;
    }
  }
}

void ZstdDecompressionObj::State::keep(ByteSpan rest) {
  if (finished) {
    unused_data.assign(rest.begin(), rest.end());
    rest = {};
  }
  const std::less_equal<> before;
  const bool is_kept = before(kept.data(), rest.data()) &&
                       before(rest.data() + rest.size(), kept.data() + kept.size());
  if (!is_kept || rest.empty()) {
    kept = Bytes(rest.begin(), rest.end());
    rest = kept;
  }
  unconsumed_tail = rest;
}

Bytes ZstdDecompressionObj::State::decompress(ByteSpan data, std::size_t max_length) {
  try {
    ByteSpan rest = data;
    Bytes out;
    run(rest, out, max_length);
    keep(rest);
    return out;
  } catch (...) {
    failure = std::current_exception();
    throw;
  }
}

bool ZstdDecompressionObj::State::needs_input() const {
  return !finished && unconsumed_tail.empty() && !stream.has_pending_output();
}

Bytes ZstdDecompressionObj::decompress(ByteSpan data, std::optional<std::size_t> max_length) {
  const ExclusiveUse in_use = state_->stream.use();
  if (state_->finished) throw UsageError("the frame has ended; begin a new decompression object");
  if (state_->failure) std::rethrow_exception(state_->failure);
  return state_->decompress(data, max_length.value_or(std::numeric_limits<std::size_t>::max()));
}

Bytes ZstdDecompressionObj::flush() {
  const ExclusiveUse in_use = state_->stream.enter();
  if (state_->finished || state_->needs_input()) return {};
  state_->stream.check_not_overtaken();
  if (state_->failure) std::rethrow_exception(state_->failure);
  return state_->decompress(state_->unconsumed_tail, std::numeric_limits<std::size_t>::max());
}

ByteSpan ZstdDecompressionObj::unused_data() const {
  const ExclusiveUse in_use = state_->stream.enter();
  return state_->unused_data;
}

ByteSpan ZstdDecompressionObj::unconsumed_tail() const {
  const ExclusiveUse in_use = state_->stream.enter();
  return state_->unconsumed_tail;
}

bool ZstdDecompressionObj::eof() const {
  const ExclusiveUse in_use = state_->stream.enter();
  const FrameStream& stream = state_->stream;
  return state_->finished || (state_->options.read_across_frames && stream.data_frames() != 0 &&
                              !stream.is_in_frame() && state_->unconsumed_tail.empty());
}

bool ZstdDecompressionObj::needs_input() const {
  const ExclusiveUse in_use = state_->stream.enter();
  return state_->needs_input();
}

std::uint64_t ZstdDecompressionObj::bytes_consumed() const {
  const ExclusiveUse in_use = state_->stream.enter();
  return state_->stream.consumed();
}

std::uint64_t ZstdDecompressionObj::bytes_produced() const {
  const ExclusiveUse in_use = state_->stream.enter();
  return state_->stream.produced();
}

}  // namespace zstdfs
