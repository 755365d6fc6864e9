#pragma once

#include <filesystem>

#include "zstdfs/compressor.hpp"
#include "zstdfs/decompressor.hpp"

namespace zstdfs {

// python-zstandard's open(): compressed files by their names. Its mode is the function that is
// called, and the text modes have no counterpart. What is returned owns the file, which is closed
// by its close(). Both throw std::system_error that names the file, and what the constructors of
// compressor and decompressor throw.

/// Reads a file of zstd frames ("rb"). A read stops at a frame's end unless the options say
/// otherwise; readall() does not.
ZstdDecompressionReader open_reader(const std::filesystem::path& filename,
                                    const DecompressorOptions& decompressor = {},
                                    const DecompressionReaderOptions& options = {});

/// Compresses to a file, which is created if it is missing. Without close() it holds no whole
/// frame.
ZstdCompressionWriter open_writer(const std::filesystem::path& filename,
                                  OpenMode mode = OpenMode::kTruncate,
                                  const CompressorOptions& compressor = {},
                                  const CompressionWriterOptions& options = {});

}  // namespace zstdfs
