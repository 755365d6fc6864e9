#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <iterator>

#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/container_builder.hpp"
#include "tests/tools/temp_store.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/container_table.hpp"

// Containers that are damaged at random places, in random ways, and then repaired.

namespace zstdfs::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kChunk = 4096;
constexpr int kFiles = 12;

/// A container, what was done to it, and what must come of that.
struct Victim {
  std::string name;
  Bytes intact;
  Bytes content;
  FrameIndex index;
  std::uint64_t table_offset = 0;
  Bytes damaged;
  bool size_changed = false;

  bool untouched(std::uint64_t offset, std::uint64_t bytes) const {
    if (size_changed) return false;
    const auto at = static_cast<std::ptrdiff_t>(offset);
    return std::equal(intact.begin() + at, intact.begin() + at + static_cast<std::ptrdiff_t>(bytes),
                      damaged.begin() + at);
  }
  bool frame_untouched(const FrameEntry& frame) const {
    return untouched(frame.stored_offset, frame.stored_bytes);
  }
  /// Whether there is enough left to tell for certain where each frame belongs.
  bool places_are_certain() const {
    const bool table = untouched(table_offset, intact.size() - table_offset);
    const bool frames = untouched(kContainerHeaderBytes, table_offset - kContainerHeaderBytes);
    return table || (frames && untouched(0, kContainerHeaderBytes));
  }
};

Victim make_victim(Random& random, int number) {
  Victim victim;
  victim.name = "dir/f" + std::to_string(number);
  ContainerBuilder builder(kChunk);
  const std::uint64_t frames = 1 + random.below(12);
  for (std::uint64_t i = 0; i < frames; ++i) {
    if (random.below(6) == 0) builder.padding(static_cast<std::uint32_t>(8 + random.below(300)));
    const std::uint64_t seed = random.below(1u << 30);
    // All but the last are full, as the daemon makes them.
    const std::uint64_t bytes = i + 1 < frames ? kChunk : 1 + random.below(kChunk);
    switch (random.below(4)) {
      case 0:
        builder.zeros(kChunk * (1 + random.below(5)));
        break;
      case 1:
        builder.chunk(random_bytes(bytes, seed));
        break;
      default:
        builder.chunk(text_bytes(bytes, seed));
    }
  }
  victim.intact = victim.damaged = builder.sealed();
  victim.content = content_of(victim.intact);
  victim.index = builder.index();
  victim.table_offset = victim.intact.size() - container_table_bytes(victim.index);
  return victim;
}

void damage_once(Random& random, Victim& victim) {
  Bytes& bytes = victim.damaged;
  const auto at = static_cast<std::ptrdiff_t>(random.below(bytes.size()));
  const auto length = static_cast<std::ptrdiff_t>(1 + random.below(600));
  const auto end = std::min(at + length, static_cast<std::ptrdiff_t>(bytes.size()));
  const std::uint64_t kind = random.below(12);
  if (kind < 6) {
    bytes[static_cast<std::size_t>(at)] ^= static_cast<std::byte>(1u << random.below(8));
  } else if (kind < 8) {
    std::fill(bytes.begin() + at, bytes.begin() + end, std::byte{0});
  } else if (kind == 8) {
    const Bytes noise = random_bytes(static_cast<std::size_t>(end - at), random.below(1000));
    std::copy(noise.begin(), noise.end(), bytes.begin() + at);
  } else {
    victim.size_changed = true;
    // The signature stays: without it and a table that fits, it is any file.
    const auto from = std::max<std::ptrdiff_t>(at, kContainerSignatureBytes);
    if (kind == 9) bytes.resize(static_cast<std::size_t>(from));
    if (kind == 10 && from < end) bytes.erase(bytes.begin() + from, bytes.begin() + end);
    const Bytes noise = random_bytes(static_cast<std::size_t>(length), random.below(1000));
    if (kind == 11) bytes.insert(bytes.begin() + from, noise.begin(), noise.end());
  }
}

class FsckRandom : public testing::Test {
 protected:
  void damage_and_repair(std::uint64_t seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const TempStore store;
    Random random(seed);
    std::vector<Victim> victims;
    for (int i = 0; i < kFiles; ++i) {
      Victim victim = make_victim(random, i);
      for (std::uint64_t n = random.below(4); n > 0; --n) damage_once(random, victim);
      store.write(victim.name, victim.damaged);
      victims.push_back(std::move(victim));
    }
    const CommandResult dry = run_zstdfs({"fsck", "--repair", "--dry-run", "--json", store.path()});
    const CommandResult result = run_zstdfs({"fsck", "--repair", "--json", store.path()});
    EXPECT_LE(result.exit_code, 1) << result.out << result.error;
    const auto json = result.json();
    EXPECT_EQ(dry.json().at("repairs"), json.at("repairs"));
    for (const Victim& victim : victims) expect_salvaged(store, victim, json.at("repairs"));

    const CommandResult check = run_zstdfs({"fsck", store.path()});
    EXPECT_EQ(check.exit_code, 0) << check.out << check.error;
    const CommandResult again = run_zstdfs({"fsck", "--repair", "--json", store.path()});
    EXPECT_EQ(again.exit_code, 0) << again.out;
    EXPECT_TRUE(again.json().at("repairs").empty()) << again.out;
  }

 private:
  static void expect_salvaged(const TempStore& store, const Victim& victim,
                              const nlohmann::json& repairs) {
    SCOPED_TRACE(victim.name);
    nlohmann::json action;
    for (const auto& one : repairs) {
      if (one.at("path") == victim.name) action = one;
    }
    if (action.is_null()) {
      EXPECT_EQ(read_file(store.path(victim.name)), victim.damaged);
      return;
    }
    if (action.contains("kept_as")) {
      const std::string kept_as = action.at("kept_as");
      EXPECT_EQ(content_of(read_file(store.path(kept_as))), victim.damaged);
    } else {
      EXPECT_EQ(content_of(read_file(store.path(victim.name))), victim.content);
    }
    if (action.at("action") == "moved") {
      EXPECT_FALSE(fs::exists(store.path(victim.name)));
      if (!victim.places_are_certain()) return;
      for (const FrameEntry& frame : victim.index) EXPECT_FALSE(victim.frame_untouched(frame));
      return;
    }
    expect_nothing_else_changed(store, victim, action);
  }

  /// Every byte is what it was, or a zero in a range that is said to be lost.
  static void expect_nothing_else_changed(const TempStore& store, const Victim& victim,
                                          const nlohmann::json& action) {
    const Bytes found = content_of(read_file(store.path(victim.name)));
    ASSERT_LE(found.size(), victim.content.size());
    if (!action.at("end_unknown").get<bool>()) {
      EXPECT_EQ(found.size(), victim.content.size());
    }
    Bytes expected(victim.content.begin(),
                   victim.content.begin() + static_cast<std::ptrdiff_t>(found.size()));
    std::vector<bool> lost(found.size());
    for (const auto& range : action.at("lost")) {
      const auto from = range.at("offset").get<std::size_t>();
      const auto bytes = range.at("bytes").get<std::size_t>();
      for (std::size_t i = from; i < from + bytes; ++i) {
        lost.at(i) = true;
        expected.at(i) = std::byte{0};
      }
    }
    EXPECT_TRUE(found == expected) << action;
    if (!victim.places_are_certain()) return;
    for (const FrameEntry& frame : victim.index) {
      if (!victim.frame_untouched(frame)) continue;
      ASSERT_LE(frame.logical_end(), lost.size());
      EXPECT_FALSE(lost[static_cast<std::size_t>(frame.logical_offset)]) << action;
    }
  }
};

TEST_F(FsckRandom, WhatIsIntactIsThereAfterwardsAndNothingElseChanges) {
  for (std::uint64_t seed = 1; seed <= seeds(ZSTDFS_SANITIZED ? 2 : 8) && !HasFailure(); ++seed)
    damage_and_repair(seed);
}

}  // namespace
}  // namespace zstdfs::test
