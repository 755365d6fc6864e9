#include <gtest/gtest.h>

#include <cerrno>

#include "fs/store/log.hpp"
#include "tests/crash/store_scenarios.hpp"

// Calls that fail and disks that are full. What was flushed before stays readable, a success that
// was reported is one, and when the trouble is over everything works again.

namespace zstdfs::test {
namespace {

constexpr int kMaxFailures = 3;
constexpr std::size_t kShownCalls = 25;
constexpr std::uint64_t kBlockBytes = 4096;

class StoreFault : public testing::TestWithParam<Scenario> {
 protected:
  void SetUp() override {
    store::set_log_sink([](store::LogLevel, const std::string&) {});
  }

  /// Goes through the scenario, up to the first error that is reported. Returns that one.
  std::string run_until_error(StoreRun& run) {
    try {
      GetParam().during(run);
      return "";
    } catch (const std::exception& error) {
      return error.what();
    }
  }

  /// One call fails, and the process goes on.
  bool fail_and_go_on(std::uint64_t number, int error) {
    StoreRun run;
    GetParam().before(run);
    run.disk().fail_calls({.kind = {}, .path_prefix = "", .error = error, .skip = number});
    const std::uint64_t failed_before = run.disk().failed_calls();
    const std::string reported = run_until_error(run);
    const bool hit = run.disk().failed_calls() > failed_before;
    run.disk().clear_faults();
    SCOPED_TRACE("call " + std::to_string(number + 1) + " fails with " + std::to_string(error) +
                 ", reported: " + reported + "\n" + run.disk().last_calls(kShownCalls));
    expect_recovers(run, reported.empty());
    return hit;
  }

  /// One call fails, and some time after it was reported, or at the end, the power goes.
  void fail_and_lose_power(std::uint64_t number, int error) {
    StoreRun run;
    GetParam().before(run);
    run.disk().fail_calls({.kind = {}, .path_prefix = "", .error = error, .skip = number});
    const std::string reported = run_until_error(run);
    SCOPED_TRACE("call " + std::to_string(number + 1) + " fails with " + std::to_string(error) +
                 ", reported: " + reported + "; then the power goes\n" +
                 run.disk().last_calls(kShownCalls));
    run.lose(Survival::nothing_unsynced());
    run.open_store();
    EXPECT_EQ(run.complaints(Loss::kPower), "");
  }

  /// There is room for so many more blocks. Returns whether that was enough.
  bool fill_disk(std::uint64_t blocks) {
    StoreRun run;
    GetParam().before(run);
    run.disk().set_free_bytes(blocks * kBlockBytes);
    const std::string reported = run_until_error(run);
    SCOPED_TRACE("room for " + std::to_string(blocks) + " blocks, reported: " + reported + "\n" +
                 run.disk().last_calls(kShownCalls));
    if (run.is_open()) {
      EXPECT_EQ(run.complaints(Loss::kKill), "");
    }
    run.disk().set_unlimited();
    expect_recovers(run, reported.empty());
    return reported.empty();
  }

  static void expect_recovers(StoreRun& run, bool succeeded) {
    if (run.is_open()) {
      EXPECT_EQ(run.complaints(Loss::kKill), "");
    } else {
      run.open_store();
    }
    // As the daemon does from time to time: a rewrite that was begun is brought to its end.
    run.work_in_background();
    EXPECT_EQ(run.complaints(Loss::kKill), "");
    if (succeeded) {
      EXPECT_EQ(run.differences(), "");
    }
    run.write_all_again();
    EXPECT_EQ(run.differences(), "");
    run.lose(Survival::nothing_unsynced());
    run.open_store();
    EXPECT_EQ(run.differences(), "");
    run.remount();
    EXPECT_EQ(run.differences(), "");
  }

  void each_call_fails_with(int error) {
    int failures = 0;
    bool hit = true;
    for (std::uint64_t number = 0; hit && failures < kMaxFailures; ++number) {
      try {
        hit = fail_and_go_on(number, error);
        fail_and_lose_power(number, error);
      } catch (const std::exception& unexpected) {
        ADD_FAILURE() << "after call " << number + 1 << " failed with " << error << ": "
                      << unexpected.what();
      }
      if (HasFailure()) ++failures;
    }
  }
};

TEST_P(StoreFault, EachCallFailsWithEIO) {
  each_call_fails_with(EIO);
}

TEST_P(StoreFault, EachCallFailsWithENOSPC) {
  each_call_fails_with(ENOSPC);
}

TEST_P(StoreFault, TheDiskIsFull) {
  int failures = 0;
  bool enough = false;
  // The steps grow: for the streams it is the shortage at the beginning that differs.
  for (std::uint64_t blocks = 0; !enough && failures < kMaxFailures; blocks += 1 + blocks / 16) {
    try {
      enough = fill_disk(blocks);
    } catch (const std::exception& unexpected) {
      ADD_FAILURE() << "after room for " << blocks << " blocks: " << unexpected.what();
    }
    if (HasFailure()) ++failures;
  }
}

INSTANTIATE_TEST_SUITE_P(Scenarios, StoreFault, testing::ValuesIn(scenarios()),
                         [](const testing::TestParamInfo<Scenario>& scenario) {
                           return scenario.param.name;
                         });

}  // namespace
}  // namespace zstdfs::test
