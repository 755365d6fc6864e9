#include <gmock/gmock.h>

#include <cerrno>
#include <cstdlib>

#include "fs/store/log.hpp"
#include "fs/store/repair.hpp"
#include "fs/store/store.hpp"
#include "fs/store/write_log.hpp"
#include "tests/crash/faulty_volume.hpp"
#include "tests/patterns.hpp"
#include "tests/tools/container_builder.hpp"
#include "zstdfs/container.hpp"

// A repair that is interrupted at every call it makes to the disk, or for which the disk fails or
// runs full. Afterwards a mount may come first; then the next repair brings everything to its end.

namespace zstdfs::test {
namespace {

using store::RepairAction;
using Actions = std::vector<RepairAction>;

constexpr std::uint32_t kChunk = 4096;
constexpr std::uint64_t kBlockBytes = 4096;
constexpr std::size_t kShownCalls = 90;
constexpr int kMaxFailures = 3;

/// A store with one file for each way in which files are repaired.
class DamagedStore {
 public:
  DamagedStore() {
    store::StoreOptions options;
    options.settle_in_background = false;
    store::Store::open(disk_.volume(), options)->shut_down();
    Bytes header = builder_.sealed();
    header[50] ^= std::byte{1};
    disk_.put("header", header);
    disk_.put("dir/hole", damaged_);
    Bytes tiny = tiny_;
    disk_.put("gone", tiny);
    disk_.put("intact", builder_.sealed());
    disk_.put("logged", damaged_);
    disk_.put(".zstdfs/foreign", text_bytes(100, 3));
    write_log();
  }

  FaultyDisk& disk() { return disk_; }

  /// As `zstdfs fsck --repair` does it.
  Actions repair() {
    Actions actions;
    const auto volume = disk_.volume();
    store::StoreRepair repair(*volume, store::StoreRepair::Mode::kRepair,
                              [&](const RepairAction& action) { actions.push_back(action); });
    repair.repair_directory(store::inspect_store(*volume));
    repair_files(repair);
    repair.keep_unclaimed();
    const store::StoreInspection inspection = store::inspect_store(*volume);
    if (inspection.interrupted || !inspection.journal.empty()) {
      store::recover_store(disk_.volume());
      repair_files(repair);
    }
    return actions;
  }

  void mount_and_unmount() {
    store::StoreOptions options;
    options.settle_in_background = false;
    store::Store::open(disk_.volume(), options)->shut_down();
  }

  void expect_repaired() {
    EXPECT_EQ(content("header"), content_);
    EXPECT_EQ(content("intact"), content_);
    EXPECT_EQ(content("dir/hole"), with_hole(content_, kChunk, 2 * kChunk));
    Bytes logged = with_hole(content_, kChunk, 2 * kChunk);
    std::fill_n(logged.begin() + 3 * kChunk + 10, 50, std::byte{'x'});
    EXPECT_EQ(content("logged"), logged);
    EXPECT_FALSE(disk_.content("gone"));
    EXPECT_FALSE(disk_.content(".zstdfs/foreign"));
    EXPECT_EQ(kept("dir_hole"), std::vector<Bytes>{damaged_});
    EXPECT_EQ(kept("gone"), std::vector<Bytes>{tiny_});
    // A mount in between may have merged the log, and so made another file of it.
    EXPECT_GE(kept("logged").size(), 1);
    const auto volume = disk_.volume();
    EXPECT_TRUE(store::inspect_store(*volume).findings.empty());
  }

  /// What is intact can be read where it was, or its file is as it was.
  void expect_nothing_worse() {
    const auto volume = disk_.volume();
    // A redo file that is whole holds all that its file will have.
    if (!store::inspect_store(*volume).rewritten.empty()) return;
    for (const char* path : {"header", "dir/hole", "logged", "intact"}) {
      SCOPED_TRACE(path);
      const auto stored = disk_.content(path);
      ASSERT_TRUE(stored);
      const MemorySource source(*stored);
      const store::SalvagePlan plan = store::plan_salvage(source, no_dictionaries());
      EXPECT_FALSE(plan.end_unknown);
      EXPECT_EQ(plan.logical_bytes(), content_.size());
      EXPECT_GE(plan.intact_frames, 5u);
    }
  }

 private:
  /// The damaged files that are kept of one, as a mount shows them.
  std::vector<Bytes> kept(const std::string& name) {
    std::vector<Bytes> found;
    for (const std::string& path : disk_.list()) {
      if (!path.starts_with("lost+found/" + name) || !path.ends_with(".damaged")) continue;
      EXPECT_TRUE(disk_.content(path + ".report")) << path;
      found.push_back(content(path));
    }
    return found;
  }

  void repair_files(store::StoreRepair& repair) {
    for (const std::string& path : disk_.list()) {
      if (!path.starts_with(".zstdfs/")) repair.repair_file(path);
    }
  }

  Bytes content(const std::string& path) {
    const auto stored = disk_.content(path);
    if (!stored) ADD_FAILURE() << path << " is not there";
    return stored ? content_of(*stored) : Bytes();
  }

  void write_log() {
    const auto volume = disk_.volume();
    store::Journal journal(*volume);
    const auto file = volume->open("logged", os::OpenMode::kRead);
    store::WriteLog log(journal, {file->identity(), "logged"}, 0);
    store::Overlay overlay;
    overlay.write(3 * kChunk + 10, Bytes(50, std::byte{'x'}));
    log.append({content_.size(), content_.size(), content_.size()}, overlay);
    log.sync();
  }

  const Bytes content_ = text_bytes(6 * kChunk, 1);
  const ContainerBuilder builder_ = container_of(content_, kChunk);
  Bytes damaged_ = [this] {
    Bytes bytes = builder_.sealed();
    bytes[builder_.index()[1].stored_offset + 60] ^= std::byte{1};
    return bytes;
  }();
  Bytes tiny_ = [] {
    ContainerBuilder builder(kChunk);
    builder.chunk(text_bytes(kChunk, 2));
    Bytes bytes = builder.sealed();
    bytes[builder.index()[0].stored_offset + 60] ^= std::byte{1};
    return bytes;
  }();
  FaultyDisk disk_;
};

class StoreRepairCrash : public testing::Test {
 protected:
  void SetUp() override {
    store::set_log_sink([](store::LogLevel, const std::string&) {});
  }

  enum class Between { kNothing, kMount };

  static void expect_comes_to_its_end(DamagedStore& store) {
    for (const RepairAction& action : store.repair()) {
      EXPECT_NE(action.kind, RepairAction::Kind::kRefused) << action.path << ": " << action.text;
    }
    store.expect_repaired();
    EXPECT_TRUE(store.repair().empty());
  }

  /// Returns whether the repair ended before the cut.
  static bool cut_at(std::uint64_t cut, Survival survival, Between between) {
    DamagedStore store;
    store.disk().cut_power_after(cut);
    bool finished = false;
    try {
      store.repair();
      finished = true;
    } catch (const PowerCut&) {
    }
    SCOPED_TRACE("cut at call " + std::to_string(cut) + ", " + survival.describe() + "\n" +
                 store.disk().last_calls(kShownCalls));
    store.disk().restart(survival);
    if (between == Between::kMount) store.mount_and_unmount();
    store.expect_nothing_worse();
    expect_comes_to_its_end(store);
    return finished;
  }

  static void cut_everywhere(Between between) {
    std::vector<Survival> survivals = {Survival::nothing_unsynced(), Survival::everything()};
    for (std::uint64_t seed = 1; seed <= seeds(1); ++seed) {
      survivals.push_back(Survival::random(seed));
      survivals.push_back(Survival::random_unordered(seed));
    }
    int failures = 0;
    for (const Survival survival : survivals) {
      bool finished = false;
      for (std::uint64_t cut = 1; !finished && failures < kMaxFailures; ++cut) {
        finished = cut_at(cut, survival, between);
        if (HasFailure()) ++failures;
      }
    }
  }
};

TEST_F(StoreRepairCrash, UndisturbedItRepairsEverything) {
  DamagedStore store;
  expect_comes_to_its_end(store);
}

TEST_F(StoreRepairCrash, TheNextRepairGoesOnWhereverThePowerWent) {
  cut_everywhere(Between::kNothing);
}

TEST_F(StoreRepairCrash, AMountInBetweenDoesNoHarm) {
  cut_everywhere(Between::kMount);
}

TEST_F(StoreRepairCrash, ACallThatFailsCostsNothing) {
  for (const int error : {EIO, ENOSPC}) {
    bool hit = true;
    for (std::uint64_t number = 0; hit && !HasFailure(); ++number) {
      DamagedStore store;
      store.disk().fail_calls({.kind = {}, .path_prefix = "", .error = error, .skip = number});
      const std::uint64_t failed_before = store.disk().failed_calls();
      try {
        store.repair();
      } catch (const std::runtime_error&) {
        // Beyond single files, the program says it and ends.
      }
      hit = store.disk().failed_calls() > failed_before;
      SCOPED_TRACE("call " + std::to_string(number + 1) + " fails with " + std::to_string(error) +
                   "\n" + store.disk().last_calls(kShownCalls));
      store.disk().clear_faults();
      store.disk().restart(Survival::everything());
      store.expect_nothing_worse();
      expect_comes_to_its_end(store);
    }
  }
}

TEST_F(StoreRepairCrash, OnAFullDiskAFileIsRepairedOrLeftAsItWas) {
  bool enough = false;
  for (std::uint64_t blocks = 0; !enough && !HasFailure(); ++blocks) {
    SCOPED_TRACE(std::to_string(blocks) + " blocks are free");
    DamagedStore store;
    store.disk().set_free_bytes(blocks * kBlockBytes);
    try {
      enough = true;
      for (const RepairAction& action : store.repair()) {
        if (action.kind == RepairAction::Kind::kRefused) enough = false;
      }
    } catch (const std::runtime_error&) {
      enough = false;
    }
    store.expect_nothing_worse();
    store.disk().set_unlimited();
    expect_comes_to_its_end(store);
  }
}

}  // namespace
}  // namespace zstdfs::test
