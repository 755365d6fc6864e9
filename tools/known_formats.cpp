#include "tools/known_formats.hpp"

#include <array>

namespace zstdfs::tools {
namespace {

using std::string_view_literals::operator""sv;

struct Signature {
  std::size_t offset = 0;
  std::string_view bytes;
  std::string_view format;
};

constexpr std::array kSignatures = {
    Signature{0, "\x28\xb5\x2f\xfd"sv, "zstd"},
    Signature{0, "\x1f\x8b\x08"sv, "gzip"},
    Signature{0, "\xfd\x37zXZ\x00"sv, "xz"},
    Signature{0, "BZh"sv, "bzip2"},
    Signature{0, "\x04\x22\x4d\x18"sv, "lz4"},
    Signature{0, "LZIP"sv, "lzip"},
    Signature{0, "PK\x03\x04"sv, "zip"},
    Signature{0, "7z\xbc\xaf\x27\x1c"sv, "7z"},
    Signature{0, "Rar!\x1a\x07"sv, "RAR"},
    Signature{0, "\xff\xd8\xff"sv, "JPEG"},
    Signature{0, "\x89PNG\r\n\x1a\n"sv, "PNG"},
    Signature{0, "GIF8"sv, "GIF"},
    Signature{8, "WEBP"sv, "WebP"},
    Signature{4, "ftyp"sv, "MP4 or its like"},
    Signature{0, "\x1a\x45\xdf\xa3"sv, "Matroska"},
    Signature{0, "OggS"sv, "Ogg"},
    Signature{0, "fLaC"sv, "FLAC"},
    Signature{0, "ID3"sv, "MP3"},
};
constexpr std::size_t kStartBytes = 12;  // where the last signature ends

}  // namespace

std::optional<std::string_view> compressed_format(const RandomAccessSource& content) {
  std::array<std::byte, kStartBytes> bytes{};
  const std::size_t n = content.read_at(0, bytes);
  const std::string_view start(reinterpret_cast<const char*>(bytes.data()), n);
  for (const Signature& signature : kSignatures) {
    if (start.size() < signature.offset) continue;
    if (start.substr(signature.offset).starts_with(signature.bytes)) return signature.format;
  }
  return std::nullopt;
}

}  // namespace zstdfs::tools
