// Compresses a file to FILE.zst, reads that back, and says what was saved: archive FILE
#include <iostream>
#include <zstdfs/open.hpp>

int main(int argc, char** argv) try {
  if (argc != 2) throw std::invalid_argument("usage: archive FILE");
  const std::string archive = std::string(argv[1]) + ".zst";
  zstdfs::FileSource source(argv[1]);
  zstdfs::FileSink sink(archive, zstdfs::OpenMode::kExclusive);
  zstdfs::ZstdCompressor compressor({.level = 9, .write_checksum = true});
  const auto [read, written] = compressor.copy_stream(source, sink);
  sink.close();
  const zstdfs::Bytes content = zstdfs::open_reader(archive).readall();
  if (content.size() != read) throw std::runtime_error(archive + " is not what was written");
  std::cout << read << " bytes in " << written << '\n';
} catch (const std::exception& error) {
  std::cerr << "archive: " << error.what() << '\n';
  return 1;
}
