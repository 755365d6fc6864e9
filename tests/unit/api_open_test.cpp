#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/patterns.hpp"
#include "tests/unit/os_temp_directory.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/open.hpp"

namespace zstdfs::test {
namespace {

void write_frame(const std::string& path, OpenMode mode, ByteSpan content) {
  ZstdCompressionWriter writer = open_writer(path, mode);
  writer.write(content);
  writer.close();
}

TEST(Open, WhatAWriterWritesAReaderReads) {
  const TempDirectory directory;
  const std::string path = directory.path("file.zst");
  const Bytes content = text_bytes(300'000, 1);
  write_frame(path, OpenMode::kTruncate, content);
  EXPECT_LT(std::filesystem::file_size(path), content.size() / 2);
  ZstdDecompressionReader reader = open_reader(path);
  EXPECT_EQ(reader.readall(), content);
  reader.close();
  EXPECT_THROW(reader.read(), UsageError);
}

TEST(Open, ModesTreatAFileThatExistsAsTheySay) {
  const TempDirectory directory;
  const std::string path = directory.path("file.zst");
  write_frame(path, OpenMode::kExclusive, bytes_of("first"));
  EXPECT_EQ(error_of([&] { open_writer(path, OpenMode::kExclusive); }), EEXIST);
  write_frame(path, OpenMode::kAppend, bytes_of(" second"));
  EXPECT_EQ(open_reader(path).readall(), bytes_of("first second"));
  // As python-zstandard has it, a read stops at a frame's end unless told otherwise.
  EXPECT_EQ(open_reader(path).read(100), bytes_of("first"));
  EXPECT_EQ(open_reader(path, {}, {.read_across_frames = true}).read(100),
            bytes_of("first second"));
  write_frame(path, OpenMode::kTruncate, bytes_of("third"));
  EXPECT_EQ(open_reader(path).readall(), bytes_of("third"));
}

TEST(Open, ErrorsNameTheFile) {
  const TempDirectory directory;
  const std::string path = directory.path("missing/file.zst");
  EXPECT_EQ(error_of([&] { open_reader(path); }), ENOENT);
  EXPECT_EQ(error_of([&] { open_writer(path); }), ENOENT);
  try {
    open_reader(path);
    ADD_FAILURE();
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(path));
  }
}

TEST(Open, RefusedOptionsLeaveTheFileAsItIs) {
  const TempDirectory directory;
  const std::string path = directory.path("file.zst");
  write_frame(path, OpenMode::kTruncate, bytes_of("content"));
  EXPECT_THROW(open_writer(path, OpenMode::kTruncate, {.level = 23}), std::invalid_argument);
  EXPECT_THROW(open_writer(path, OpenMode::kTruncate, {}, {.write_size = 0}),
               std::invalid_argument);
  EXPECT_EQ(open_reader(path).readall(), bytes_of("content"));
}

}  // namespace
}  // namespace zstdfs::test
