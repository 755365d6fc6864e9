#include "zstdfs/batch.hpp"

#include <zstd_errors.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

#include "compression_context.hpp"
#include "decompression_context.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs {
namespace {

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
  if (wanted < 0) threads = processor_count();
  return static_cast<unsigned>(std::min<std::size_t>({threads, slices, WorkerPool::kMaxThreads}));
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

/// Tells the caller how many items are done, one call at a time.
class Progress {
 public:
  explicit Progress(const std::function<void(std::size_t)>& tell) : tell_(tell) {}

  void add(std::size_t items) {
    if (!tell_) return;
    MutexLock lock(mutex_);
    done_ += items;
    tell_(done_);
  }

 private:
  const std::function<void(std::size_t)>& tell_;
  Mutex mutex_;
  std::size_t done_ ZSTDFS_GUARDED_BY(mutex_) = 0;
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
  Progress progress(options.progress);
  const auto one = [&](std::size_t i) {
    try {
      ContextPtr context = contexts.take();
      buffers[i] = work(slices[i], context.get());
      contexts.give_back(std::move(context));
      progress.add(slices[i].count);
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
  // Compressed elsewhere and copied: a vector would be zeroed first, in the size of the bound.
  ScratchBuffer scratch;
  const MutableByteSpan out = scratch.at_least(bound);
  std::vector<ByteRange> segments;
  std::size_t at = 0;
  for (std::size_t i = slice.first; i < slice.first + slice.count; ++i) {
    const std::size_t n = ZstdError::check(
        ZSTD_compress2(context, out.data() + at, out.size() - at, items[i].data(), items[i].size()),
        ("compress " + item_name(i)).c_str());
    segments.push_back({at, n});
    at += n;
  }
  return {Bytes(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(at)), std::move(segments)};
}

/// Calls `work`, and adds the item's number to what it says of its data.
template <typename Work>
auto about_item(std::size_t i, Work work) {
  try {
    return work();
  } catch (const ZstdError& error) {
    throw ZstdError(error.code(), item_name(i) + ": " + error.what());
  }
}

/// The frame that `data` consists of, behind skippable ones.
FrameInMemory only_frame(ByteSpan data, int format) {
  FrameInMemory frame = first_frame(data, format);
  while (frame.kind == FrameInMemory::Kind::kSkippable) {
    data = data.subspan(frame.bytes);
    if (data.empty()) throw ZstdError(ZSTD_error_srcSize_wrong, "no frame but skippable ones");
    frame = first_frame(data, format);
  }
  if (frame.bytes == data.size()) return frame;
  throw ZstdError(ZSTD_error_srcSize_wrong, std::to_string(data.size() - frame.bytes) +
                                                " bytes of extra data after the frame");
}

/// The content size of the one frame in `data`, which must be known: from the caller, from the
/// frame, or from both, and then the same. Makes sure that the frame can hold as much.
std::uint64_t content_bytes_of(ByteSpan data, std::optional<std::uint64_t> wanted,
                               const DecompressionContext& context) {
  const FrameInMemory frame = only_frame(data, context.format);
  context.check_allowed(frame);
  if (!wanted && !frame.content_bytes) {
    throw ZstdError(ZSTD_error_GENERIC, "could not determine content size in frame header");
  }
  const std::uint64_t bytes = wanted ? *wanted : *frame.content_bytes;
  if (bytes > frame.content_bound || (frame.content_bytes && *frame.content_bytes != bytes)) {
    throw ZstdError(ZSTD_error_srcSize_wrong,
                    "a frame of " +
                        std::to_string(frame.content_bytes.value_or(frame.content_bound)) +
                        " bytes of content" + (frame.content_bytes ? "" : " at most") + ", not " +
                        std::to_string(bytes));
  }
  return bytes;
}

void decompress_item(ByteSpan frame, MutableByteSpan out, const DecompressionContext& like,
                     ZSTD_DCtx* context) {
  const std::size_t n = ZstdError::check(like.decompress_frames(context, out, frame), "decompress");
  if (n == out.size()) return;
  throw ZstdError(ZSTD_error_srcSize_wrong,
                  std::to_string(n) + " bytes of content, not " + std::to_string(out.size()));
}

BufferWithSegments decompress_slice(std::span<const ByteSpan> frames,
                                    std::span<const std::uint64_t> sizes, const Slice& slice,
                                    const DecompressionContext& like, ZSTD_DCtx* context) {
  Bytes out(static_cast<std::size_t>(slice.bytes));
  std::vector<ByteRange> segments;
  std::size_t at = 0;
  for (std::size_t i = slice.first; i < slice.first + slice.count; ++i) {
    const auto bytes = static_cast<std::size_t>(sizes[i]);
    about_item(i, [&] {
      decompress_item(frames[i], MutableByteSpan(out).subspan(at, bytes), like, context);
    });
    segments.push_back({at, bytes});
    at += bytes;
  }
  return {std::move(out), std::move(segments)};
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
  std::vector<std::uint64_t> sizes;
  for (const ByteSpan& item : items) sizes.push_back(item.size());
  if (std::all_of(sizes.begin(), sizes.end(), [](std::uint64_t bytes) { return bytes == 0; })) {
    throw std::invalid_argument("there is nothing to compress: no item, or only empty ones");
  }
  const std::function<CCtxPtr()> make = [this] {
    CCtxPtr context = make_cctx();
    context_->configure(context.get());
    // The batch has its threads; a frame's own would be too many, and would change the result.
    ZstdError::check(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_nbWorkers, 0),
                     "do without worker threads");
    return context;
  };
  return for_each_slice<CCtxPtr>(cut_into_slices(sizes), options, make,
                                 [&](const Slice& slice, ZSTD_CCtx* context) {
                                   return compress_slice(items, slice, context);
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
  if (frames.empty()) throw std::invalid_argument("there are no frames to decompress");
  if (!decompressed_sizes.empty() && decompressed_sizes.size() != frames.size()) {
    throw std::invalid_argument(std::to_string(decompressed_sizes.size()) +
                                " sizes were given for " + std::to_string(frames.size()) +
                                " frames");
  }
  std::vector<std::uint64_t> sizes;
  std::uint64_t all_bytes = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    std::optional<std::uint64_t> wanted;
    if (!decompressed_sizes.empty()) wanted = decompressed_sizes[i];
    about_item(i, [&] {
      sizes.push_back(content_bytes_of(frames[i], wanted, *context_));
      all_bytes += sizes.back();
      context_->check_content_size(all_bytes);
    });
  }
  const std::function<DCtxPtr()> make = [this] {
    DCtxPtr context = make_dctx();
    context_->configure(context.get());
    return context;
  };
  return for_each_slice<DCtxPtr>(
      cut_into_slices(sizes), options, make, [&](const Slice& slice, ZSTD_DCtx* context) {
        return decompress_slice(frames, sizes, slice, *context_, context);
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
