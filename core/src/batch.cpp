#include "zstdfs/batch.hpp"

#include <zstd_errors.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>

#include "compression_context.hpp"
#include "decompression_context.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs {
namespace {

struct FreeCCtx {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeDCtx {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
using CCtxPtr = std::unique_ptr<ZSTD_CCtx, FreeCCtx>;
using DCtxPtr = std::unique_ptr<ZSTD_DCtx, FreeDCtx>;

/// What the frames of a batch are checked against before memory is taken for them.
struct FrameExpectations {
  int format = 0;
  std::uint64_t max_window_bytes = 0;
  bool requires_checksum = false;
  /// Sizes that the caller knows, one for each frame; empty: the frames say.
  std::span<const std::uint64_t> content_bytes;
};

// Items are handed out in slices of about so many bytes: enough that handing them out costs nothing
// beside the work, little enough that the last one does not keep the others waiting. Slices depend
// on the items alone, and each becomes one buffer: so the result does not depend on the threads.
constexpr std::uint64_t kSliceBytes = 1u << 20;
constexpr std::size_t kSliceItems = 4096;

struct Slice {
  std::size_t first = 0;
  std::size_t count = 0;
  std::uint64_t bytes = 0;
};

std::vector<Slice> cut_into_slices(std::span<const std::uint64_t> item_bytes) {
  std::vector<Slice> slices;
  for (std::size_t i = 0; i < item_bytes.size(); ++i) {
    const bool full =
        slices.empty() || slices.back().count == kSliceItems || slices.back().bytes >= kSliceBytes;
    if (full) slices.push_back({i, 0, 0});
    ++slices.back().count;
    slices.back().bytes += item_bytes[i];
  }
  return slices;
}

unsigned threads_for(int wanted, std::size_t slices) {
  unsigned threads = static_cast<unsigned>(std::max(wanted, 1));
  if (wanted < 0) threads = std::max(1u, std::thread::hardware_concurrency());
  return static_cast<unsigned>(std::min<std::size_t>(threads, slices));
}

/// Contexts that were made and are not in use: as many as threads worked at once.
template <typename ContextPtr>
class ContextStock {
 public:
  explicit ContextStock(const std::function<ContextPtr()>& make) : make_(make) {}

  ContextPtr take() {
    {
      MutexLock lock(mutex_);
      if (!idle_.empty()) {
        ContextPtr context = std::move(idle_.back());
        idle_.pop_back();
        return context;
      }
    }
    return make_();
  }

  void give_back(ContextPtr context) {
    MutexLock lock(mutex_);
    idle_.push_back(std::move(context));
  }

 private:
  const std::function<ContextPtr()>& make_;
  Mutex mutex_;
  std::vector<ContextPtr> idle_ ZSTDFS_GUARDED_BY(mutex_);
};

std::string item_name(std::size_t i) {
  return "item " + std::to_string(i);
}

/// Turns each slice into a buffer. Of several errors, the one of the first slice is thrown,
/// whatever the threads did first.
template <typename ContextPtr>
BufferWithSegmentsCollection for_each_slice(
    const std::vector<Slice>& slices, const BatchOptions& options,
    const std::function<ContextPtr()>& make,
    const std::function<BufferWithSegments(const Slice&, typename ContextPtr::element_type*)>&
        work) {
  std::vector<std::optional<BufferWithSegments>> buffers(slices.size());
  std::vector<std::exception_ptr> errors(slices.size());
  ContextStock<ContextPtr> contexts(make);
  const auto one = [&](std::size_t i) {
    try {
      ContextPtr context = contexts.take();
      buffers[i] = work(slices[i], context.get());
      contexts.give_back(std::move(context));
    } catch (...) {
      errors[i] = std::current_exception();
    }
  };
  if (options.pool != nullptr) {
    options.pool->for_each(slices.size(), one);
  } else {
    WorkerPool pool(threads_for(options.threads, slices.size()));
    pool.for_each(slices.size(), one);
  }
  std::vector<BufferWithSegments> whole;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    if (errors[i]) std::rethrow_exception(errors[i]);
    whole.push_back(std::move(*buffers[i]));
  }
  return BufferWithSegmentsCollection(std::move(whole));
}

BufferWithSegments compress_slice(std::span<const ByteSpan> items, const Slice& slice,
                                  ZSTD_CCtx* context) {
  std::size_t bound = 0;
  for (const ByteSpan& item : items.subspan(slice.first, slice.count)) {
    bound += ZSTD_compressBound(item.size());
  }
  Bytes out(bound);
  std::vector<ByteRange> segments;
  std::size_t at = 0;
  for (std::size_t i = slice.first; i < slice.first + slice.count; ++i) {
    const std::size_t n = ZstdError::check(
        ZSTD_compress2(context, out.data() + at, out.size() - at, items[i].data(), items[i].size()),
        ("compress " + item_name(i)).c_str());
    segments.push_back({at, n});
    at += n;
  }
  out.resize(at);
  out.shrink_to_fit();
  return {std::move(out), std::move(segments)};
}

ZSTD_frameHeader header_of(ByteSpan frame, std::size_t i, const FrameExpectations& expected) {
  ZSTD_frameHeader header{};
  const std::size_t result = ZSTD_getFrameHeader_advanced(
      &header, frame.data(), frame.size(), static_cast<ZSTD_format_e>(expected.format));
  ZstdError::check(result, ("read the header of " + item_name(i)).c_str());
  if (result != 0 || header.frameType == ZSTD_skippableFrame) {
    throw std::invalid_argument(item_name(i) + " of " + std::to_string(frame.size()) +
                                " bytes is not a whole zstd frame");
  }
  // libzstd itself would not look at the limit where it can decompress in one step.
  if (header.windowSize > expected.max_window_bytes) {
    throw ZstdError(ZSTD_error_frameParameter_windowTooLarge,
                    item_name(i) + " needs a window of " + std::to_string(header.windowSize) +
                        " bytes, more than the " + std::to_string(expected.max_window_bytes) +
                        " allowed");
  }
  if (expected.requires_checksum && header.checksumFlag == 0) {
    throw ZstdError(ZSTD_error_checksum_wrong, item_name(i) + " carries no checksum");
  }
  return header;
}

/// The content size of a frame, which must be known: from the caller, from the frame, or from both,
/// and then the same.
std::uint64_t content_bytes_of(ByteSpan frame, std::size_t i, const FrameExpectations& expected) {
  const std::uint64_t says = header_of(frame, i, expected).frameContentSize;
  const bool known = says != ZSTD_CONTENTSIZE_UNKNOWN;
  if (!known && expected.content_bytes.empty()) {
    throw std::invalid_argument(item_name(i) +
                                " does not say how much it holds, and the caller does not either");
  }
  const std::uint64_t bytes = expected.content_bytes.empty() ? says : expected.content_bytes[i];
  if (known && says != bytes) {
    throw std::invalid_argument(item_name(i) + " says that it holds " + std::to_string(says) +
                                " bytes, not " + std::to_string(bytes));
  }
  // A block of 128 KiB takes at least four bytes: what claims more is not to be given memory.
  const std::uint64_t most = (std::uint64_t{frame.size()} / 4 + 1) * ZSTD_BLOCKSIZE_MAX;
  if (bytes > most) {
    throw std::invalid_argument(item_name(i) + " of " + std::to_string(frame.size()) +
                                " bytes cannot hold " + std::to_string(bytes) + " bytes");
  }
  return bytes;
}

BufferWithSegments decompress_slice(std::span<const ByteSpan> frames,
                                    std::span<const std::uint64_t> sizes, const Slice& slice,
                                    ZSTD_DCtx* context) {
  Bytes out(static_cast<std::size_t>(slice.bytes));
  std::vector<ByteRange> segments;
  std::size_t at = 0;
  for (std::size_t i = slice.first; i < slice.first + slice.count; ++i) {
    const std::string doing = "decompress " + item_name(i);
    const auto bytes = static_cast<std::size_t>(sizes[i]);
    ZSTD_inBuffer in{frames[i].data(), frames[i].size(), 0};
    ZSTD_outBuffer to{out.data() + at, bytes, 0};
    ZstdError::check(ZSTD_DCtx_reset(context, ZSTD_reset_session_only), doing.c_str());
    // As a stream, because only that tells where the frame ended.
    std::size_t wanted = 1;
    for (bool progress = true; wanted != 0 && progress;) {
      const std::size_t before = in.pos + to.pos;
      wanted = ZstdError::check(ZSTD_decompressStream(context, &to, &in), doing.c_str());
      progress = in.pos + to.pos != before;
    }
    if (wanted != 0) {
      throw std::invalid_argument(item_name(i) + " gave " + std::to_string(to.pos) + " of " +
                                  std::to_string(bytes) + " bytes, and its frame has not ended");
    }
    if (to.pos != bytes) {
      throw std::invalid_argument(item_name(i) + " holds " + std::to_string(to.pos) +
                                  " bytes, not " + std::to_string(bytes));
    }
    if (in.pos != in.size) {
      throw std::invalid_argument(item_name(i) + " has " + std::to_string(in.size - in.pos) +
                                  " bytes behind its frame");
    }
    segments.push_back({at, bytes});
    at += bytes;
  }
  return {std::move(out), std::move(segments)};
}

BufferWithSegmentsCollection compress_batch(std::span<const ByteSpan> items,
                                            const BatchOptions& options,
                                            const std::function<CCtxPtr()>& make) {
  if (items.empty()) throw std::invalid_argument("there are no items to compress");
  std::vector<std::uint64_t> sizes;
  for (const ByteSpan& item : items) sizes.push_back(item.size());
  if (std::all_of(sizes.begin(), sizes.end(), [](std::uint64_t bytes) { return bytes == 0; })) {
    throw std::invalid_argument("all items to compress are empty");
  }
  return for_each_slice<CCtxPtr>(cut_into_slices(sizes), options, make,
                                 [&](const Slice& slice, ZSTD_CCtx* context) {
                                   return compress_slice(items, slice, context);
                                 });
}

BufferWithSegmentsCollection decompress_batch(std::span<const ByteSpan> frames,
                                              const FrameExpectations& expected,
                                              const BatchOptions& options,
                                              const std::function<DCtxPtr()>& make) {
  if (frames.empty()) throw std::invalid_argument("there are no frames to decompress");
  if (!expected.content_bytes.empty() && expected.content_bytes.size() != frames.size()) {
    throw std::invalid_argument(std::to_string(expected.content_bytes.size()) +
                                " sizes were given for " + std::to_string(frames.size()) +
                                " frames");
  }
  std::vector<std::uint64_t> sizes;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    sizes.push_back(content_bytes_of(frames[i], i, expected));
  }
  return for_each_slice<DCtxPtr>(cut_into_slices(sizes), options, make,
                                 [&](const Slice& slice, ZSTD_DCtx* context) {
                                   return decompress_slice(frames, sizes, slice, context);
                                 });
}

}  // namespace

std::vector<ByteSpan> items_of(const BufferWithSegments& buffer) {
  std::vector<ByteSpan> items;
  for (std::size_t i = 0; i < buffer.segment_count(); ++i) items.push_back(buffer[i].bytes());
  return items;
}

std::vector<ByteSpan> items_of(const BufferWithSegmentsCollection& buffers) {
  std::vector<ByteSpan> items;
  for (const BufferWithSegments& buffer : buffers.buffers()) {
    const std::vector<ByteSpan> some = items_of(buffer);
    items.insert(items.end(), some.begin(), some.end());
  }
  return items;
}

BufferWithSegmentsCollection ZstdCompressor::multi_compress_to_buffer(
    std::span<const ByteSpan> items, const BatchOptions& options) {
  ExclusiveUse use(context_->use);
  use.begin_operation();
  context_->refresh_dictionary();
  return compress_batch(items, options, [this] {
    CCtxPtr context(ZSTD_createCCtx());
    if (!context) throw std::bad_alloc();
    context_->configure(context.get());
    // The batch has its threads; a frame's own would be too many, and would change the result.
    ZstdError::check(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_nbWorkers, 0),
                     "do without worker threads");
    return context;
  });
}

BufferWithSegmentsCollection ZstdCompressor::multi_compress_to_buffer(
    const BufferWithSegments& items, const BatchOptions& options) {
  return multi_compress_to_buffer(items_of(items), options);
}

BufferWithSegmentsCollection ZstdCompressor::multi_compress_to_buffer(
    const BufferWithSegmentsCollection& items, const BatchOptions& options) {
  return multi_compress_to_buffer(items_of(items), options);
}

BufferWithSegmentsCollection ZstdDecompressor::multi_decompress_to_buffer(
    std::span<const ByteSpan> frames, std::span<const std::uint64_t> decompressed_sizes,
    const BatchOptions& options) {
  ExclusiveUse use(context_->use);
  use.begin_operation();
  const std::uint64_t window = context_->options.max_window_size;
  const FrameExpectations expected{
      .format = context_->options.format,
      .max_window_bytes = window != 0 ? window : std::numeric_limits<std::uint64_t>::max(),
      .requires_checksum = context_->requires_checksum,
      .content_bytes = decompressed_sizes};
  return decompress_batch(frames, expected, options, [this] {
    DCtxPtr context(ZSTD_createDCtx());
    if (!context) throw std::bad_alloc();
    context_->configure(context.get());
    return context;
  });
}

BufferWithSegmentsCollection ZstdDecompressor::multi_decompress_to_buffer(
    const BufferWithSegments& frames, std::span<const std::uint64_t> decompressed_sizes,
    const BatchOptions& options) {
  return multi_decompress_to_buffer(items_of(frames), decompressed_sizes, options);
}

BufferWithSegmentsCollection ZstdDecompressor::multi_decompress_to_buffer(
    const BufferWithSegmentsCollection& frames, std::span<const std::uint64_t> decompressed_sizes,
    const BatchOptions& options) {
  return multi_decompress_to_buffer(items_of(frames), decompressed_sizes, options);
}

}  // namespace zstdfs
