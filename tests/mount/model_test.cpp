// Random operations on several files by several threads, against a model in memory; in between
// the store is remounted, or its daemon killed, with all files closed.
//
// Longer runs: ZSTDFS_SEEDS=100 mount_endurance_test (one test for each seed).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>

#include "tests/mount/model_file.hpp"
#include "tests/mount/mounted_store.hpp"

namespace zstdfs::mounttest {
namespace {

constexpr int kThreads = 4;
constexpr int kPhases = ZSTDFS_SANITIZED ? 3 : 5;
constexpr int kSteps = 60;
constexpr std::size_t kSharedBytes = 2000000;

int seeds() {
  const char* wanted = std::getenv("ZSTDFS_SEEDS");
  return wanted != nullptr ? std::atoi(wanted) : 4;
}

class Model : public MountTest, public testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    MountTest::SetUp();
    shared_ = test::compressible_bytes(kSharedBytes, seed());
    write_file(store_.path("shared"), shared_);
    for (int i = 0; i < kThreads; ++i) {
      files_.push_back(std::make_unique<ModelFile>(store_.path("file" + std::to_string(i)),
                                                   seed() * 1000 + static_cast<unsigned>(i)));
    }
  }

  std::uint64_t seed() const { return static_cast<std::uint64_t>(GetParam()); }

  /// Every thread works on its own file, and reads the one that all share.
  void run_phase(int phase) {
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([this, i, phase] {
        try {
          work(i, phase);
        } catch (const std::exception& error) {
          const std::lock_guard<std::mutex> lock(mutex_);
          failures_ += "seed " + std::to_string(seed()) + ", phase " + std::to_string(phase) +
                       ", thread " + std::to_string(i) + ": " + error.what() + "\n" +
                       files_[static_cast<std::size_t>(i)]->history();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  void work(int i, int phase) {
    ModelFile& file = *files_[static_cast<std::size_t>(i)];
    test::Random random(seed() * 7919 + static_cast<unsigned>(i * 100 + phase));
    const Fd shared = open_file(store_.path("shared"), O_RDONLY);
    for (int step = 0; step < kSteps; ++step) {
      file.step();
      const std::size_t offset = random.below(kSharedBytes);
      Bytes got(std::min<std::size_t>(kSharedBytes - offset, 1 + random.below(200000)));
      const long read =
          check(::pread(shared.get(), got.data(), got.size(), static_cast<off_t>(offset)), "read");
      const ByteSpan wanted = ByteSpan(shared_).subspan(offset, static_cast<std::size_t>(read));
      got.resize(static_cast<std::size_t>(read));
      if (const std::string wrong = difference(got, wanted); !wrong.empty()) {
        throw std::runtime_error("the shared file: " + wrong);
      }
    }
  }

  Bytes shared_;
  std::vector<std::unique_ptr<ModelFile>> files_;
  std::mutex mutex_;
  std::string failures_;
};

TEST_P(Model, RandomOperations) {
  for (int phase = 0; phase < kPhases; ++phase) {
    run_phase(phase);
    ASSERT_EQ(failures_, "");
    for (const auto& file : files_) file->close();
    // What was closed depends neither on the daemon's life nor on the way it ends.
    if (phase % 2 == 0) {
      store_.remount();
    } else {
      store_.kill_daemon();
      store_.mount();
    }
    for (const auto& file : files_) ASSERT_NO_THROW(file->reopen()) << "seed " << seed();
  }
  for (const auto& file : files_) file->close();
  // Until it is unmounted, the store may keep the newest changes in its journal.
  store_.remount();
  expect_containers_are_zstd(store_.backing(), store_.mountpoint());
}

INSTANTIATE_TEST_SUITE_P(Seeds, Model, testing::Range(1, 1 + seeds()));

}  // namespace
}  // namespace zstdfs::mounttest
