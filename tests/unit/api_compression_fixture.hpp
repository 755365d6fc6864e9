#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/patterns.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::test {

/// The content of frames that lie one behind the other, by libzstd itself. Throws when they are
/// damaged or end within a frame.
inline Bytes content_of(ByteSpan frames, ByteSpan dict = {}, int format = kFormatZstd1) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                     &ZSTD_freeDCtx);
  constexpr int kFormat = kDecompressionFormat;
  ZstdError::check(
      ZSTD_DCtx_setParameter(context.get(), static_cast<ZSTD_dParameter>(kFormat), format),
      "set the format");
  ZstdError::check(ZSTD_DCtx_loadDictionary(context.get(), dict.data(), dict.size()), "load");
  Bytes content;
  Bytes piece(1 << 16);
  ZSTD_inBuffer in{frames.data(), frames.size(), 0};
  std::size_t left = 0;
  bool is_full = false;
  while (in.pos < in.size || is_full) {
    ZSTD_outBuffer out{piece.data(), piece.size(), 0};
    left = ZstdError::check(ZSTD_decompressStream(context.get(), &out, &in), "decompress");
    content.insert(content.end(), piece.begin(),
                   piece.begin() + static_cast<std::ptrdiff_t>(out.pos));
    is_full = out.pos == out.size && left != 0;
  }
  if (left != 0) throw std::runtime_error("truncated");
  return content;
}

/// What the blocks that were flushed so far decompress to: the frame goes on.
inline Bytes content_so_far(ByteSpan begun) {
  const std::unique_ptr<ZSTD_DCtx, decltype(&ZSTD_freeDCtx)> context(ZSTD_createDCtx(),
                                                                     &ZSTD_freeDCtx);
  Bytes content(1 << 20);
  ZSTD_inBuffer in{begun.data(), begun.size(), 0};
  ZSTD_outBuffer out{content.data(), content.size(), 0};
  const std::size_t left =
      ZstdError::check(ZSTD_decompressStream(context.get(), &out, &in), "decompress");
  EXPECT_NE(left, 0u);
  content.resize(out.pos);
  return content;
}

inline std::string hex(ByteSpan bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string result;
  for (const std::byte byte : bytes) {
    result += kDigits[std::to_integer<unsigned>(byte) >> 4];
    result += kDigits[std::to_integer<unsigned>(byte) & 15];
  }
  return result;
}

inline std::vector<Bytes> all_of(ByteChunks chunks) {
  std::vector<Bytes> pieces;
  for (const ByteSpan piece : chunks) pieces.emplace_back(piece.begin(), piece.end());
  return pieces;
}

inline Bytes joined(const std::vector<Bytes>& pieces) {
  Bytes whole;
  for (const Bytes& piece : pieces) whole.insert(whole.end(), piece.begin(), piece.end());
  return whole;
}

inline std::vector<std::size_t> sizes_of(const std::vector<Bytes>& pieces) {
  std::vector<std::size_t> sizes;
  for (const Bytes& piece : pieces) sizes.push_back(piece.size());
  return sizes;
}

/// Takes at most `most` bytes at a time, and remembers what was done with it.
class RecordingSink final : public Sink {
 public:
  explicit RecordingSink(std::size_t most = SIZE_MAX) : most_(most) {}

  std::size_t write(ByteSpan bytes) override {
    const ByteSpan taken = bytes.first(std::min(bytes.size(), most_));
    largest = std::max(largest, bytes.size());
    content.insert(content.end(), taken.begin(), taken.end());
    return taken.size();
  }
  void flush() override { ++flushes; }
  void close() override { ++closes; }
  std::optional<int> fileno() const override { return 77; }

  Bytes content;
  std::size_t largest = 0;
  int flushes = 0;
  int closes = 0;

 private:
  std::size_t most_;
};

/// Gives at most `most` bytes at a time, and remembers what was done with it.
class RecordingSource final : public Source {
 public:
  explicit RecordingSource(ByteSpan content, std::size_t most = SIZE_MAX)
      : source_(content), most_(most) {}

  std::size_t read(MutableByteSpan out) override {
    ++reads;
    largest = std::max(largest, out.size());
    return source_.read(out.first(std::min(out.size(), most_)));
  }
  void close() override { ++closes; }

  std::size_t largest = 0;
  int reads = 0;
  int closes = 0;

 private:
  SpanSource source_;
  std::size_t most_;
};

/// Expects a ZstdError that says that the declared size is wrong.
template <typename Action>
void expect_wrong_size(Action action) {
  try {
    action();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const ZstdError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("Src size is incorrect"));
    EXPECT_EQ(error.code(), 72);
  }
}

constexpr const char* kEmptyFrame = "28b52ffd2000010000";
constexpr const char* kEmptyFrameOfUnknownSize = "28b52ffd0000010000";

}  // namespace zstdfs::test
