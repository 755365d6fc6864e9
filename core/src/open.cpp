#include "zstdfs/open.hpp"

#include <memory>

#include "arguments.hpp"

namespace zstdfs {

// What can be refused is refused before a file is touched.

ZstdDecompressionReader open_reader(const std::filesystem::path& filename,
                                    const DecompressorOptions& decompressor,
                                    const DecompressionReaderOptions& options) {
  ZstdDecompressor made(decompressor);
  return made.stream_reader(std::make_unique<FileSource>(filename), options);
}

ZstdCompressionWriter open_writer(const std::filesystem::path& filename, OpenMode mode,
                                  const CompressorOptions& compressor,
                                  const CompressionWriterOptions& options) {
  ZstdCompressor made(compressor);
  require_nonzero(options.write_size, "write_size");
  return made.stream_writer(std::make_unique<FileSink>(filename, mode), options);
}

}  // namespace zstdfs
