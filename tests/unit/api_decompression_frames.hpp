#pragma once

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include <initializer_list>
#include <memory>
#include <optional>

#include "tests/patterns.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/stream.hpp"

// Frames for the tests of the decompressor, made by libzstd itself.

namespace zstdfs::test {

struct FrameForm {
  int level = 3;
  bool content_size = true;
  bool checksum = true;
  bool magicless = false;
  ByteSpan raw_dictionary = {};
  ByteSpan prefix = {};
  int window_log = 0;
  bool finished = true;  ///< otherwise it ends after a flush
};

inline Bytes frame_of(ByteSpan content, const FrameForm& form = {}) {
  const std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context(ZSTD_createCCtx(),
                                                                     &ZSTD_freeCCtx);
  ZSTD_CCtx* const c = context.get();
  const auto set = [c](ZSTD_cParameter parameter, int value) {
    ZstdError::check(ZSTD_CCtx_setParameter(c, parameter, value), "set a parameter");
  };
  set(ZSTD_c_compressionLevel, form.level);
  set(ZSTD_c_contentSizeFlag, form.content_size ? 1 : 0);
  set(ZSTD_c_checksumFlag, form.checksum ? 1 : 0);
  set(ZSTD_c_format, form.magicless ? ZSTD_f_zstd1_magicless : ZSTD_f_zstd1);
  if (form.window_log != 0) set(ZSTD_c_windowLog, form.window_log);
  if (!form.raw_dictionary.empty()) {
    ZstdError::check(
        ZSTD_CCtx_loadDictionary_advanced(c, form.raw_dictionary.data(), form.raw_dictionary.size(),
                                          ZSTD_dlm_byCopy, ZSTD_dct_rawContent),
        "load a dictionary");
  }
  if (!form.prefix.empty()) {
    ZstdError::check(ZSTD_CCtx_refPrefix(c, form.prefix.data(), form.prefix.size()),
                     "set a prefix");
  }
  if (form.content_size && form.finished) {
    ZstdError::check(ZSTD_CCtx_setPledgedSrcSize(c, content.size()), "pledge a size");
  }
  Bytes frame(ZSTD_compressBound(content.size()) + 64);
  ZSTD_inBuffer in{content.data(), content.size(), 0};
  ZSTD_outBuffer out{frame.data(), frame.size(), 0};
  if (!form.content_size || !form.finished) {
    // Two pieces, so that the size is not known at the start.
    ZstdError::check(ZSTD_compressStream2(c, &out, &in, ZSTD_e_flush), "compress");
  }
  if (form.finished) {
    ZstdError::check(ZSTD_compressStream2(c, &out, &in, ZSTD_e_end), "compress");
  }
  frame.resize(out.pos);
  return frame;
}

inline Bytes skippable_frame(std::size_t payload_bytes, unsigned variant = 3) {
  Bytes frame(8 + payload_bytes, std::byte{0x28});
  store_le<std::uint32_t>(frame, 0, 0x184D2A50u + variant);
  store_le<std::uint32_t>(frame, 4, static_cast<std::uint32_t>(payload_bytes));
  return frame;
}

inline Bytes joined(std::initializer_list<ByteSpan> parts) {
  Bytes all;
  for (const ByteSpan part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

/// `bytes` without its last `cut`.
inline ByteSpan without_end(ByteSpan bytes, std::size_t cut) {
  return bytes.first(bytes.size() - cut);
}

/// zstd's code of the ZstdError that `call` throws; nothing if it throws none.
template <typename Call>
std::optional<int> zstd_error_of(const Call& call) {
  try {
    call();
  } catch (const ZstdError& error) {
    return error.code();
  }
  return std::nullopt;
}

/// The text of the exception of type E that `call` throws; empty if it throws none.
template <typename E, typename Call>
std::string message_of(const Call& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  }
  return {};
}

/// Gives its bytes in pieces of at most `piece`, and notes being closed.
class PiecewiseSource final : public Source {
 public:
  PiecewiseSource(ByteSpan bytes, std::size_t piece, bool* closed = nullptr)
      : bytes_(bytes.begin(), bytes.end()), rest_(bytes_), piece_(piece), closed_(closed) {}
  std::size_t read(MutableByteSpan out) override {
    ++reads;
    largest_request = std::max(largest_request, out.size());
    SpanSource source(rest_);
    const std::size_t n = source.read(out.first(std::min(out.size(), piece_)));
    rest_ = rest_.subspan(n);
    return n;
  }
  void close() override {
    if (closed_ != nullptr) *closed_ = true;
  }
  int reads = 0;
  std::size_t largest_request = 0;

 private:
  Bytes bytes_;
  ByteSpan rest_;
  std::size_t piece_;
  bool* closed_;
};

/// Takes at most `piece` bytes at a time, and notes what is done with it.
class PiecewiseSink final : public Sink {
 public:
  explicit PiecewiseSink(std::size_t piece) : piece_(piece) {}
  std::size_t write(ByteSpan bytes) override {
    largest_write = std::max(largest_write, bytes.size());
    const std::size_t n = std::min(bytes.size(), piece_);
    content.insert(content.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n));
    return n;
  }
  void flush() override { ++flushes; }
  void close() override { ++closes; }
  std::optional<int> fileno() const override { return 42; }

  Bytes content;
  std::size_t largest_write = 0;
  int flushes = 0;
  int closes = 0;

 private:
  std::size_t piece_;
};

}  // namespace zstdfs::test
