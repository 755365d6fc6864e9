#pragma once

#include <memory>
#include <optional>
#include <string>

#include "zstdfs/dictionary.hpp"

namespace zstdfs::tools {

/// Larger ones are refused: they would take as much memory for every thread.
inline constexpr std::uint64_t kMaxDictionaryBytes = 16u << 20;

/// Reads a dictionary from a file. Only such with an id are taken: frames refer to it, so that a
/// wrong dictionary is found out. Throws std::runtime_error that names the file and what is wrong.
std::shared_ptr<ZstdCompressionDict> load_dictionary(const std::string& path);

/// What to tell somebody who wants to decompress a frame with that dictionary, or with none, when
/// it needs another one; nothing otherwise. `frame` may be its beginning, or no frame.
std::optional<std::string> wrong_dictionary(ByteSpan frame, const ZstdCompressionDict* dictionary);

}  // namespace zstdfs::tools
