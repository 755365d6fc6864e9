#include "zstdfs/seekable_writer.hpp"

#include <algorithm>
#include <exception>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

#include "exclusive_use.hpp"
#include "frame_layout.hpp"
#include "seek_table_layout.hpp"
#include "source_input.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/frame_codec.hpp"

namespace zstdfs {
namespace {

/// The limit of zstd's own implementation.
constexpr std::size_t kMaxSeekableFrameBytes = std::size_t{1} << 30;
constexpr unsigned kMaxSkippableVariant = 15;
constexpr unsigned kSeekTableVariant = kSeekTableMagic - kSkippableMagicBase;

/// The options, once it was seen that they make frames that can be in a seekable file.
const CompressorOptions& checked(const CompressorOptions& options) {
  const bool is_magicless =
      options.compression_params && options.compression_params->format() != kFormatZstd1;
  if (is_magicless) throw std::invalid_argument("a seekable file cannot hold magicless frames");
  const bool has_sizes = options.compression_params
                             ? options.compression_params->write_content_size()
                             : options.write_content_size.value_or(true);
  if (!has_sizes) throw std::invalid_argument("frames of a seekable file carry their content size");
  return options;
}

}  // namespace

struct ZstdSeekableWriter::State {
  State(std::unique_ptr<Sink> given, Sink& to, SeekableWriterOptions options);

  void check_can_go_on() const;
  /// Goes on with the file. What `work` throws, every later call throws again.
  template <typename Work>
  void go_on(Work work);
  /// Throws when the table has no room for what the pending content and `more` bytes make.
  void check_room_for_content(std::size_t more) const;
  void take(ByteSpan data);
  void buffer(ByteSpan data);
  void end_frame();
  void write_frame(ByteSpan content);
  void emit(ByteSpan stored);

  UseState use;
  std::unique_ptr<Sink> owned;
  Sink* sink;
  const std::size_t frame_size;
  const bool closes_sink;
  ZstdCompressor compressor;
  SeekTable table;
  Bytes pending;        // content of the frame that was begun; less than frame_size
  ScratchBuffer frame;  // one, compressed
  std::exception_ptr failure;
  bool is_closed = false;
  std::uint64_t taken_bytes = 0;
  std::uint64_t emitted_bytes = 0;
};

ZstdSeekableWriter::State::State(std::unique_ptr<Sink> given, Sink& to,
                                 SeekableWriterOptions options)
    : owned(std::move(given)),
      sink(&to),
      frame_size(options.frame_size),
      closes_sink(options.closefd),
      compressor(checked(options.compressor)),
      table(options.continues ? std::move(*options.continues) : SeekTable(options.checksums)) {
  if (frame_size == 0 || frame_size > kMaxSeekableFrameBytes) {
    throw std::invalid_argument("frame_size is " + std::to_string(frame_size) +
                                "; it must be from 1 to 2^30");
  }
}

void ZstdSeekableWriter::State::check_can_go_on() const {
  if (is_closed) throw UsageError("the seekable writer is closed");
  if (failure) std::rethrow_exception(failure);
}

template <typename Work>
void ZstdSeekableWriter::State::go_on(Work work) {
  if (failure) std::rethrow_exception(failure);
  try {
    work();
  } catch (...) {
    failure = std::current_exception();
    throw;
  }
}

void ZstdSeekableWriter::State::check_room_for_content(std::size_t more) const {
  // Divided before it is added up, which could overflow.
  const std::size_t rest = pending.size() + more % frame_size;
  table.check_room_for(more / frame_size + rest / frame_size + (rest % frame_size != 0 ? 1 : 0));
}

void ZstdSeekableWriter::State::take(ByteSpan data) {
  if (!pending.empty()) {
    const std::size_t n = std::min(data.size(), frame_size - pending.size());
    buffer(data.first(n));
    data = data.subspan(n);
    if (pending.size() == frame_size) end_frame();
  }
  for (; data.size() >= frame_size; data = data.subspan(frame_size)) {
    write_frame(data.first(frame_size));
  }
  buffer(data);
}

void ZstdSeekableWriter::State::buffer(ByteSpan data) {
  // Grows as the content comes, but not beyond a frame.
  const std::size_t needed = pending.size() + data.size();
  if (needed > pending.capacity()) {
    pending.reserve(std::min(frame_size, std::max(needed, 2 * pending.capacity())));
  }
  pending.insert(pending.end(), data.begin(), data.end());
}

void ZstdSeekableWriter::State::end_frame() {
  if (pending.empty()) return;
  write_frame(pending);
  pending.clear();
}

void ZstdSeekableWriter::State::write_frame(ByteSpan content) {
  const MutableByteSpan out = frame.at_least(compress_bound(content.size()));
  const std::size_t stored_bytes = compressor.compress_into(out, content);
  emit(out.first(stored_bytes));
  SeekTable::NewFrame listed{.compressed_size = stored_bytes, .decompressed_size = content.size()};
  if (table.has_checksums()) listed.checksum = content_checksum(content);
  table.append(listed);
}

void ZstdSeekableWriter::State::emit(ByteSpan stored) {
  write_all(*sink, stored);
  emitted_bytes += stored.size();
}

ZstdSeekableWriter::ZstdSeekableWriter(Sink& sink, SeekableWriterOptions options)
    : state_(std::make_unique<State>(nullptr, sink, std::move(options))) {}

ZstdSeekableWriter::ZstdSeekableWriter(std::unique_ptr<Sink> sink, SeekableWriterOptions options) {
  if (!sink) throw std::invalid_argument("there is no sink");
  Sink& to = *sink;
  state_ = std::make_unique<State>(std::move(sink), to, std::move(options));
}

ZstdSeekableWriter::~ZstdSeekableWriter() = default;
ZstdSeekableWriter::ZstdSeekableWriter(ZstdSeekableWriter&&) noexcept = default;
ZstdSeekableWriter& ZstdSeekableWriter::operator=(ZstdSeekableWriter&&) noexcept = default;

std::size_t ZstdSeekableWriter::write(ByteSpan data) {
  const ExclusiveUse use(state_->use);
  state_->check_can_go_on();
  state_->check_room_for_content(data.size());
  state_->go_on([&] { state_->take(data); });
  state_->taken_bytes += data.size();
  return data.size();
}

void ZstdSeekableWriter::end_frame() {
  const ExclusiveUse use(state_->use);
  state_->check_can_go_on();
  state_->go_on([&] { state_->end_frame(); });
}

void ZstdSeekableWriter::flush() {
  const ExclusiveUse use(state_->use);
  state_->check_can_go_on();
  state_->go_on([&] {
    state_->end_frame();
    state_->sink->flush();
  });
}

void ZstdSeekableWriter::write_skippable_frame(unsigned variant, ByteSpan bytes) {
  const ExclusiveUse use(state_->use);
  state_->check_can_go_on();
  if (variant > kMaxSkippableVariant || variant == kSeekTableVariant) {
    throw std::invalid_argument("no skippable frame of variant " + std::to_string(variant));
  }
  if (bytes.size() > std::numeric_limits<std::uint32_t>::max() - kSkippableFrameOverhead) {
    throw std::invalid_argument("a skippable frame of " + std::to_string(bytes.size()) +
                                " bytes cannot be listed");
  }
  state_->table.check_room_for(state_->pending.empty() ? 1 : 2);
  state_->go_on([&] {
    state_->end_frame();
    Bytes header;
    append_le(header, kSkippableMagicBase + variant);
    append_le(header, static_cast<std::uint32_t>(bytes.size()));
    state_->emit(header);
    state_->emit(bytes);
    state_->table.append({.compressed_size = header.size() + bytes.size()});
  });
}

void ZstdSeekableWriter::close() {
  const ExclusiveUse use(state_->use);
  if (std::exchange(state_->is_closed, true)) return;
  state_->go_on([&] {
    state_->end_frame();
    state_->emit(state_->table.encode());
  });
  if (state_->closes_sink) state_->sink->close();
}

bool ZstdSeekableWriter::closed() const {
  const ExclusiveUse use(state_->use);
  return state_->is_closed;
}

std::uint64_t ZstdSeekableWriter::tell() const {
  const ExclusiveUse use(state_->use);
  return state_->emitted_bytes;
}

std::uint64_t ZstdSeekableWriter::bytes_consumed() const {
  const ExclusiveUse use(state_->use);
  return state_->taken_bytes;
}

const SeekTable& ZstdSeekableWriter::seek_table() const {
  return state_->table;
}

std::size_t ZstdSeekableWriter::memory_size() const {
  const ExclusiveUse use(state_->use);
  return state_->compressor.memory_size() + state_->pending.capacity() + state_->frame.capacity();
}

std::optional<int> ZstdSeekableWriter::fileno() const {
  return state_->sink->fileno();
}

}  // namespace zstdfs
