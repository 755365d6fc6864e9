#pragma once

#include <memory>

#include "fs/os/file.hpp"
#include "zstdfs/dictionary_source.hpp"

namespace zstdfs::tools {

/// The content of a stored file as programs see it through a mount: of a container the
/// decompressed and verified chunks, of any other file the file. Throws NewerFormatError,
/// std::system_error. What is returned throws CorruptError for chunks that are damaged, and what
/// `dictionaries` throws, which outlive it.
std::unique_ptr<RandomAccessSource> open_logical_content(std::unique_ptr<os::File> stored,
                                                         const DictionarySource& dictionaries);

}  // namespace zstdfs::tools
