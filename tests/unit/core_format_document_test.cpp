#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>

#include "tests/unit/core_container_builder.hpp"

// The worked examples in docs/format.md are what the code writes, byte for byte.

namespace zstdfs::test {
namespace {

/// The bytes of the block that begins with "```hex NAME". A line of it is an offset in hexadecimal,
/// the bytes, and, behind a bar, what they mean.
Bytes example(const std::string& name) {
  std::ifstream document(ZSTDFS_FORMAT_DOCUMENT);
  EXPECT_TRUE(document.is_open()) << ZSTDFS_FORMAT_DOCUMENT;
  std::string line;
  while (std::getline(document, line) && line != "```hex " + name) {
  }
  Bytes bytes;
  while (std::getline(document, line) && line != "```") {
    std::istringstream fields(line.substr(0, line.find('|')));
    std::size_t offset = 0;
    fields >> std::hex >> offset;
    EXPECT_EQ(offset, bytes.size()) << line;
    unsigned value = 0;
    while (fields >> value) {
      EXPECT_LT(value, 256u) << line;
      bytes.push_back(std::byte(value));
    }
    EXPECT_TRUE(fields.eof()) << line;
  }
  EXPECT_FALSE(bytes.empty()) << "no example " << name;
  return bytes;
}

ContainerBuilder container_of_the_document() {
  ContainerBuilder builder;
  builder.data(bytes_of("Hello, disk!\n")).padding(12).zeros(300000);
  return builder;
}

TEST(FormatDocument, ContainerIsWhatIsWritten) {
  EXPECT_EQ(example("container"), container_of_the_document().finish());
}

TEST(FormatDocument, ContainerIsRead) {
  const Bytes file = example("container");
  const MemorySource source(file);
  const LoadedContainer loaded = load_container(source);
  EXPECT_TRUE(loaded.sealed);
  EXPECT_EQ(read_all(source, loaded.index), container_of_the_document().content());
}

TEST(FormatDocument, ShortContainerIsWhatIsWritten) {
  ContainerBuilder builder = ContainerBuilder::of_short_form();
  builder.data(bytes_of("Hello, disk!\n"));
  EXPECT_EQ(example("short-container"), builder.finish());
}

TEST(FormatDocument, ZeroFrameIsWhatIsWritten) {
  EXPECT_EQ(example("zero-frame"), encode_zero_frame(300000));
}

}  // namespace
}  // namespace zstdfs::test
