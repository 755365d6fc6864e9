#include "zstdfs/blocks.hpp"

// From version 1.5.5 on, libzstd advises against its block functions. There are no others.
#define ZSTD_DISABLE_DEPRECATE_WARNINGS
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>

#include "block_history.hpp"
#include "exclusive_use.hpp"
#include "zstd_contexts.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs {
namespace {

int checked_window_log(int window_log) {
  if (window_log < kWindowLogMin || window_log > kBlockWindowLogMax) {
    throw std::invalid_argument("window_log is " + std::to_string(window_log) +
                                "; it must be from " + std::to_string(kWindowLogMin) + " to " +
                                std::to_string(kBlockWindowLogMax));
  }
  return window_log;
}

/// What libzstd's older functions are to be given. They take whatever begins with the magic number
/// for a full dictionary: without its first byte it is the raw content that it was said to be, and
/// distances count from the end.
ByteSpan dictionary_of(const std::shared_ptr<const ZstdCompressionDict>& dict) {
  if (!dict) return {};
  const ByteSpan data = dict->as_bytes();
  const bool begins_as_full = data.size() >= sizeof(std::uint32_t) &&
                              load_le<std::uint32_t>(data, 0) == kDictionaryMagicNumber;
  return dict->dict_type() == DictType::kRawContent && begins_as_full ? data.subspan(1) : data;
}

ZSTD_compressionParameters parameters_of(const BlockCompressorOptions& options) {
  if (options.level > kMaxCompressionLevel) {
    throw std::invalid_argument("level is " + std::to_string(options.level) +
                                "; it must be less than " +
                                std::to_string(kMaxCompressionLevel + 1));
  }
  // Without a dictionary's size: that would be taken for a sign of small data.
  ZSTD_compressionParameters parameters = ZSTD_getCParams(options.level, 0, 0);
  parameters.windowLog =
      options.window_log != 0
          ? static_cast<unsigned>(checked_window_log(options.window_log))
          : std::min(parameters.windowLog, static_cast<unsigned>(kBlockWindowLogMax));
  // Tables for more than the window and a dictionary would only take memory.
  return ZSTD_adjustCParams(parameters, std::uint64_t{1} << parameters.windowLog,
                            dictionary_of(options.dict_data).size());
}

void require_room(MutableByteSpan out, std::size_t needed) {
  if (out.size() >= needed) return;
  throw std::invalid_argument("a block of " + std::to_string(needed) +
                              " bytes needs as much room; there are " + std::to_string(out.size()));
}

/// Runs what a session cannot go on after, if it fails.
template <typename Work>
auto guarded(std::optional<ZstdError>& failure, Work work) {
  if (failure) throw ZstdError(*failure);
  try {
    return work();
  } catch (const ZstdError& error) {
    failure.emplace(error);
    throw;
  }
}

}  // namespace

struct ZstdBlockCompressor::State {
  explicit State(const BlockCompressorOptions& options)
      : parameters(parameters_of(options)),
        dict(options.dict_data),
        cctx(make_cctx()),
        history(static_cast<int>(parameters.windowLog)),
        scratch(ZSTD_compressBound(history.max_block_bytes())) {
    begin();
  }

  void begin() {
    const ByteSpan dictionary = dictionary_of(dict);
    history.clear();
    ZstdError::check(ZSTD_compressBegin_advanced(cctx.get(), dictionary.data(), dictionary.size(),
                                                 {.cParams = parameters, .fParams = {}},
                                                 ZSTD_CONTENTSIZE_UNKNOWN),
                     "begin a session of blocks");
    failure.reset();
  }

  CompressedBlockView compress(ByteSpan content);

  const ZSTD_compressionParameters parameters;
  const std::shared_ptr<const ZstdCompressionDict> dict;  // shared: libzstd refers to its bytes
  UseState use;
  // All below is touched only while in use.
  CCtxPtr cctx;
  BlockHistory history;
  Bytes scratch;
  std::optional<ZstdError> failure;
};

/// The result's bytes are the state's, until the next call.
CompressedBlockView ZstdBlockCompressor::State::compress(ByteSpan content) {
  if (content.size() > history.max_block_bytes()) {
    throw std::invalid_argument("a block of " + std::to_string(content.size()) +
                                " bytes is too large; at most " +
                                std::to_string(history.max_block_bytes()));
  }
  return guarded(failure, [&]() -> CompressedBlockView {
    if (content.empty()) return {};
    const MutableByteSpan kept = history.next(content.size());
    std::ranges::copy(content, kept.begin());
    const std::size_t size = ZstdError::check(
        ZSTD_compressBlock(cctx.get(), scratch.data(), scratch.size(), kept.data(), kept.size()),
        "compress a block");
    history.keep(kept.size());
    // libzstd's 0 is "not smaller"; the content is part of its history all the same.
    if (size == 0) {
      return {.kind = StoredBlock::kRaw, .content_bytes = kept.size(), .bytes = kept};
    }
    return {.kind = StoredBlock::kCompressed,
            .content_bytes = kept.size(),
            .bytes = ByteSpan(scratch).first(size)};
  });
}

ZstdBlockCompressor::ZstdBlockCompressor(const BlockCompressorOptions& options)
    : state_(std::make_unique<State>(options)) {}
ZstdBlockCompressor::~ZstdBlockCompressor() = default;
ZstdBlockCompressor::ZstdBlockCompressor(ZstdBlockCompressor&&) noexcept = default;
ZstdBlockCompressor& ZstdBlockCompressor::operator=(ZstdBlockCompressor&&) noexcept = default;

int ZstdBlockCompressor::window_log() const {
  return static_cast<int>(state_->parameters.windowLog);
}

std::size_t ZstdBlockCompressor::max_block_bytes() const {
  return state_->history.max_block_bytes();
}

std::size_t ZstdBlockCompressor::memory_size() const {
  const ExclusiveUse use(state_->use);
  return ZSTD_sizeof_CCtx(state_->cctx.get()) + state_->history.memory_size() +
         state_->scratch.size();
}

CompressedBlock ZstdBlockCompressor::compress(ByteSpan content) {
  const ExclusiveUse use(state_->use);
  const CompressedBlockView block = state_->compress(content);
  return {.kind = block.kind,
          .content_bytes = block.content_bytes,
          .bytes = {block.bytes.begin(), block.bytes.end()}};
}

CompressedBlockView ZstdBlockCompressor::compress_into(MutableByteSpan out, ByteSpan content) {
  const ExclusiveUse use(state_->use);
  require_room(out, content.size());
  CompressedBlockView block = state_->compress(content);
  std::ranges::copy(block.bytes, out.begin());
  block.bytes = out.first(block.bytes.size());
  return block;
}

void ZstdBlockCompressor::reset() {
  const ExclusiveUse use(state_->use);
  state_->begin();
}

struct ZstdBlockDecompressor::State {
  explicit State(const BlockDecompressorOptions& options)
      : dict(options.dict_data),
        dctx(make_dctx()),
        history(checked_window_log(options.window_log)) {
    begin();
  }

  void begin() {
    const ByteSpan dictionary = dictionary_of(dict);
    history.clear();
    ZstdError::check(
        ZSTD_decompressBegin_usingDict(dctx.get(), dictionary.data(), dictionary.size()),
        "begin a session of blocks");
    failure.reset();
  }

  ByteSpan decompress(const CompressedBlockView& block);
  void restore(const CompressedBlockView& block, MutableByteSpan content);

  const std::shared_ptr<const ZstdCompressionDict> dict;  // shared: libzstd refers to its bytes
  UseState use;
  // All below is touched only while in use.
  DCtxPtr dctx;
  BlockHistory history;
  std::optional<ZstdError> failure;
};

/// The result's bytes are the history's, until the next call.
ByteSpan ZstdBlockDecompressor::State::decompress(const CompressedBlockView& block) {
  return guarded(failure, [&]() -> ByteSpan {
    if (block.content_bytes > history.max_block_bytes()) {
      throw ZstdError(ZSTD_error_corruption_detected,
                      "a block claims " + std::to_string(block.content_bytes) +
                          " bytes of content; at most " +
                          std::to_string(history.max_block_bytes()));
    }
    // An empty block is no part of the history: the compressor does not know of it.
    if (block.content_bytes == 0 && block.bytes.empty()) return {};
    const MutableByteSpan content = history.next(block.content_bytes);
    restore(block, content);
    history.keep(content.size());
    return content;
  });
}

void ZstdBlockDecompressor::State::restore(const CompressedBlockView& block,
                                           MutableByteSpan content) {
  std::size_t restored = block.bytes.size();
  if (block.kind == StoredBlock::kCompressed) {
    // The exact size also keeps libzstd from using the memory behind, which is still referred to.
    restored = ZstdError::check(ZSTD_decompressBlock(dctx.get(), content.data(), content.size(),
                                                     block.bytes.data(), block.bytes.size()),
                                "decompress a block");
  } else if (restored == content.size()) {
    std::ranges::copy(block.bytes, content.begin());
    ZstdError::check(ZSTD_insertBlock(dctx.get(), content.data(), content.size()),
                     "insert a raw block");
  }
  if (restored != content.size()) {
    throw ZstdError(ZSTD_error_corruption_detected, "a block has " + std::to_string(restored) +
                                                        " bytes of content instead of " +
                                                        std::to_string(content.size()));
  }
}

ZstdBlockDecompressor::ZstdBlockDecompressor(const BlockDecompressorOptions& options)
    : state_(std::make_unique<State>(options)) {}
ZstdBlockDecompressor::~ZstdBlockDecompressor() = default;
ZstdBlockDecompressor::ZstdBlockDecompressor(ZstdBlockDecompressor&&) noexcept = default;
ZstdBlockDecompressor& ZstdBlockDecompressor::operator=(ZstdBlockDecompressor&&) noexcept = default;

std::size_t ZstdBlockDecompressor::max_block_bytes() const {
  return state_->history.max_block_bytes();
}

std::size_t ZstdBlockDecompressor::memory_size() const {
  const ExclusiveUse use(state_->use);
  return ZSTD_sizeof_DCtx(state_->dctx.get()) + state_->history.memory_size();
}

Bytes ZstdBlockDecompressor::decompress(const CompressedBlockView& block) {
  const ExclusiveUse use(state_->use);
  const ByteSpan content = state_->decompress(block);
  return {content.begin(), content.end()};
}

std::size_t ZstdBlockDecompressor::decompress_into(MutableByteSpan out,
                                                   const CompressedBlockView& block) {
  const ExclusiveUse use(state_->use);
  require_room(out, block.content_bytes);
  const ByteSpan content = state_->decompress(block);
  std::ranges::copy(content, out.begin());
  return content.size();
}

void ZstdBlockDecompressor::reset() {
  const ExclusiveUse use(state_->use);
  state_->begin();
}

}  // namespace zstdfs
