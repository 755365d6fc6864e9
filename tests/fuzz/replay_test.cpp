#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "tests/fuzz/targets.hpp"

// Replays every input of the corpus, in every build: what a fuzzer once found stays found.

namespace zstdfs::fuzz {
namespace {

std::vector<std::filesystem::path> corpus_of(std::string_view target) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(
           std::filesystem::path(ZSTDFS_FUZZ_CORPUS) / std::string(target))) {
    files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

Bytes content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> chars{std::istreambuf_iterator<char>(file), {}};
  const ByteSpan bytes = std::as_bytes(std::span(chars));
  return Bytes(bytes.begin(), bytes.end());
}

class Replay : public testing::TestWithParam<Target> {};

TEST_P(Replay, Corpus) {
  const auto files = corpus_of(GetParam().name);
  EXPECT_FALSE(files.empty());
  for (const auto& file : files) {
    SCOPED_TRACE(file.string());
    const Bytes input = content_of(file);
    EXPECT_NO_THROW(GetParam().run(input));
  }
}

// Each prefix of each input: the cheapest broken inputs there are.
TEST_P(Replay, CorpusCutShort) {
  for (const auto& file : corpus_of(GetParam().name)) {
    SCOPED_TRACE(file.string());
    const Bytes input = content_of(file);
    for (std::size_t n = 0; n < std::min<std::size_t>(input.size(), 1000); ++n) {
      EXPECT_NO_THROW(GetParam().run(ByteSpan(input).first(n))) << n;
    }
  }
}

// Each byte of each input replaced by values that tend to matter.
TEST_P(Replay, CorpusWithOneByteChanged) {
  for (const auto& file : corpus_of(GetParam().name)) {
    SCOPED_TRACE(file.string());
    Bytes input = content_of(file);
    for (std::size_t i = 0; i < std::min<std::size_t>(input.size(), 600); ++i) {
      const std::byte kept = input[i];
      for (const unsigned value : {0x00u, 0x01u, 0x7Fu, 0x80u, 0xFFu}) {
        input[i] = std::byte(value);
        EXPECT_NO_THROW(GetParam().run(input)) << i << " " << value;
      }
      input[i] = kept;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, Replay,
                         testing::ValuesIn(all_targets().begin(), all_targets().end()),
                         [](const auto& target) { return std::string(target.param.name); });

}  // namespace
}  // namespace zstdfs::fuzz
