#include "tools/copied_content.hpp"

#include <algorithm>
#include <string>

#include "zstdfs/frame_codec.hpp"

namespace zstdfs::tools {
namespace {

constexpr std::uint64_t kPieceBytes = 1u << 20;

[[noreturn]] void differs(std::uint64_t offset) {
  throw CopyDiffers("the copy differs from the original at offset " + std::to_string(offset) +
                    "; it was removed");
}

}  // namespace

ContentSums copy_content(CopiedFile& from, CopiedFile& to, const PieceDone& done) {
  ContentSums sums;
  sums.bytes = static_cast<std::uint64_t>(from.status().st_size);
  Bytes buffer(static_cast<std::size_t>(std::min(kPieceBytes, sums.bytes)));
  std::uint64_t at = 0;
  while (at < sums.bytes) {
    const ByteRange data = from.next_data(at);
    if (data.bytes == 0) break;
    const std::uint64_t end = std::min(data.offset + data.bytes, sums.bytes);
    for (at = data.offset; at < end;) {
      const MutableByteSpan piece(buffer.data(),
                                  static_cast<std::size_t>(std::min(kPieceBytes, end - at)));
      if (from.read(at, piece) < piece.size()) {
        throw std::runtime_error("became shorter while it was copied; run again with --update");
      }
      to.write(at, piece);
      sums.pieces.push_back({{at, piece.size()}, content_checksum(piece)});
      at += piece.size();
      done(piece.size());
    }
  }
  to.truncate(sums.bytes);
  return sums;
}

void verify_content(CopiedFile& copy, const ContentSums& sums, const PieceDone& done) {
  const auto bytes = static_cast<std::uint64_t>(copy.status().st_size);
  if (bytes != sums.bytes) differs(std::min(bytes, sums.bytes));
  Bytes buffer(static_cast<std::size_t>(std::min(kPieceBytes, sums.bytes)));
  for (const ContentSums::Piece& known : sums.pieces) {
    const MutableByteSpan piece(buffer.data(), static_cast<std::size_t>(known.range.bytes));
    const bool whole = copy.read(known.range.offset, piece) == piece.size();
    if (!whole || content_checksum(piece) != known.checksum) differs(known.range.offset);
    done(piece.size());
  }
}

}  // namespace zstdfs::tools
