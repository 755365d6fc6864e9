#include "zstdfs/decompression_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "decompression_states.hpp"

namespace zstdfs {
namespace {

using FrameEnd = DecompressionPull::FrameEnd;
using Wait = DecompressionPull::Wait;

/// How many bytes are read at a time where nobody says how many there are.
constexpr std::size_t kPieceBytes = 128u << 10;

/// Appends up to `size` bytes to an empty `out`. Takes memory only as the bytes come, which may be
/// far fewer than were asked for, and stops where there is no more.
void read_up_to(DecompressionPull& pull, std::size_t size, Wait wait, Bytes& out) {
  pull.begin_read();
  while (out.size() < size) {
    const std::size_t at = out.size();
    const std::size_t piece = std::min(size - at, std::max(kPieceBytes, at));
    try {
      out.resize(at + piece);
    } catch (const std::bad_alloc&) {
      if (at == 0) throw;
      return;
    }
    const std::size_t n = pull.pull(MutableByteSpan(out).subspan(at), wait);
    out.resize(at + n);
    if (n < piece || wait == Wait::kForAny) return;
  }
}

[[noreturn]] void refuse_seek(int error, const char* what) {
  throw std::system_error(error, std::generic_category(), what);
}

/// The position that a seek asks for.
std::uint64_t seek_target(std::uint64_t position, std::int64_t offset, SeekOrigin origin) {
  // Negated as unsigned: the smallest number has no positive counterpart.
  const std::uint64_t distance =
      offset < 0 ? -static_cast<std::uint64_t>(offset) : static_cast<std::uint64_t>(offset);
  switch (origin) {
    case SeekOrigin::kStart:
      if (offset < 0) refuse_seek(EINVAL, "cannot seek to a position before the start");
      if (distance < position) break;
      return distance;
    case SeekOrigin::kCurrent:
      if (offset >= 0) return position + distance;
      if (distance > position) refuse_seek(EINVAL, "cannot seek to a position before the start");
      break;
    case SeekOrigin::kEnd:
      refuse_seek(ESPIPE, "cannot seek from the end of a stream that is being decompressed");
    default:
      refuse_seek(EINVAL, "cannot seek from an unknown origin");
  }
  refuse_seek(ESPIPE, "cannot seek backwards in a stream that is being decompressed");
}

}  // namespace

ZstdDecompressionReader::State::State(std::shared_ptr<DecompressionContext> context,
                                      SourceInput input, const DecompressionReaderOptions& options)
    : pull(std::move(context), std::move(input),
           options.read_across_frames ? FrameEnd::kGoOn : FrameEnd::kEndsRead),
      closefd(options.closefd) {}

ZstdDecompressionReader::ZstdDecompressionReader(std::unique_ptr<State> state)
    : state_(std::move(state)) {}
ZstdDecompressionReader::~ZstdDecompressionReader() = default;
ZstdDecompressionReader::ZstdDecompressionReader(ZstdDecompressionReader&&) noexcept = default;
ZstdDecompressionReader& ZstdDecompressionReader::operator=(ZstdDecompressionReader&&) noexcept =
    default;

void ZstdDecompressionReader::State::check_can_go_on() const {
  if (closed) throw UsageError("the decompressing reader is closed");
  pull.stream().check_not_overtaken();
}

Bytes ZstdDecompressionReader::read(std::int64_t size) {
  if (size == -1) return readall();
  const std::size_t wanted = checked_size(size);
  const ExclusiveUse in_use = state_->pull.stream().enter();
  state_->check_can_go_on();
  Bytes out;
  read_up_to(state_->pull, wanted, Wait::kForAll, out);
  state_->position += out.size();
  return out;
}

Bytes ZstdDecompressionReader::read1(std::int64_t size) {
  const std::size_t wanted = size == -1 ? kPieceBytes : checked_size(size);
  const ExclusiveUse in_use = state_->pull.stream().enter();
  state_->check_can_go_on();
  Bytes out;
  read_up_to(state_->pull, wanted, Wait::kForAny, out);
  state_->position += out.size();
  return out;
}

std::size_t ZstdDecompressionReader::readinto(MutableByteSpan out) {
  const ExclusiveUse in_use = state_->pull.stream().enter();
  state_->check_can_go_on();
  state_->pull.begin_read();
  const std::size_t n = state_->pull.pull(out, Wait::kForAll);
  state_->position += n;
  return n;
}

std::size_t ZstdDecompressionReader::readinto1(MutableByteSpan out) {
  const ExclusiveUse in_use = state_->pull.stream().enter();
  state_->check_can_go_on();
  state_->pull.begin_read();
  const std::size_t n = state_->pull.pull(out, Wait::kForAny);
  state_->position += n;
  return n;
}

Bytes ZstdDecompressionReader::readall() {
  const ExclusiveUse in_use = state_->pull.stream().enter();
  state_->check_can_go_on();
  Bytes out;
  for (std::size_t n = 1; n != 0;) {
    const std::size_t at = out.size();
    out.resize(at + std::max(kPieceBytes, at));
    state_->pull.begin_read();
    n = state_->pull.pull(MutableByteSpan(out).subspan(at), Wait::kForAll);
    state_->position += n;
    out.resize(at + n);
  }
  return out;
}

std::uint64_t ZstdDecompressionReader::seek(std::int64_t offset, SeekOrigin origin) {
  const ExclusiveUse in_use = state_->pull.stream().enter();
  state_->check_can_go_on();
  const std::uint64_t target = seek_target(state_->position, offset, origin);
  if (target == state_->position) return target;
  const auto scratch = std::make_unique_for_overwrite<std::byte[]>(kPieceBytes);
  while (state_->position < target) {
    const std::size_t piece =
        static_cast<std::size_t>(std::min<std::uint64_t>(target - state_->position, kPieceBytes));
    state_->pull.begin_read();
    const std::size_t n = state_->pull.pull(MutableByteSpan(scratch.get(), piece), Wait::kForAll);
    if (n == 0) break;
    state_->position += n;
  }
  return state_->position;
}

std::uint64_t ZstdDecompressionReader::tell() const {
  const ExclusiveUse in_use = state_->pull.stream().enter();
  return state_->position;
}

std::uint64_t ZstdDecompressionReader::bytes_consumed() const {
  const ExclusiveUse in_use = state_->pull.stream().enter();
  return state_->pull.stream().consumed();
}

void ZstdDecompressionReader::close() {
  const ExclusiveUse in_use = state_->pull.stream().enter();
  if (std::exchange(state_->closed, true)) return;
  if (state_->closefd) state_->pull.input().close();
}

bool ZstdDecompressionReader::closed() const {
  const ExclusiveUse in_use = state_->pull.stream().enter();
  return state_->closed;
}

}  // namespace zstdfs
