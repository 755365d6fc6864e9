// Stores that earlier versions wrote stay readable.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/unit/store_fixture.hpp"
#include "zstdfs/container_header.hpp"

namespace zstdfs::test {
namespace {

namespace fs = std::filesystem;

Bytes content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  return bytes_of(text);
}

class Golden : public testing::TestWithParam<const char*> {};

TEST_P(Golden, EveryFileReadsAsItDid) {
  const fs::path directory = fs::path(ZSTDFS_GOLDEN) / GetParam();
  StoreOnDisk store;
  store.store->shut_down();
  store.store.reset();
  for (const auto& entry : fs::recursive_directory_iterator(directory / "store")) {
    if (!entry.is_regular_file()) continue;
    store.disk.put(fs::relative(entry.path(), directory / "store"), content_of(entry.path()));
  }
  store.disk.restart(Survival::everything());
  store.open();
  std::ifstream manifest(directory / "manifest");
  std::string hash;
  std::uint64_t bytes = 0;
  std::string path;
  int files = 0;
  while (manifest >> hash >> bytes >> path) {
    SCOPED_TRACE(path);
    const auto file = store.open_file(path);
    EXPECT_EQ(file->logical_bytes(), bytes);
    EXPECT_EQ(hash64(StoreOnDisk::read_all(*file)), std::stoull(hash, nullptr, 16));
    ++files;
  }
  EXPECT_GT(files, 5);
}

INSTANTIATE_TEST_SUITE_P(Formats, Golden,
                         testing::Values("format-1", "container-2", "container-3"));

}  // namespace
}  // namespace zstdfs::test
