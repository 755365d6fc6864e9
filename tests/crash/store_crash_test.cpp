#include <gtest/gtest.h>

#include <cstdlib>

#include "fs/store/log.hpp"
#include "tests/crash/store_scenarios.hpp"

// Power cuts and kills in place of every call that the store makes to the disk. Afterwards every
// file holds what was promised or something later, sector by sector; nothing is unreadable; and the
// store goes on working.

namespace zstdfs::test {
namespace {

/// Of one scenario: the first failures tell enough.
constexpr int kMaxFailures = 3;
constexpr std::size_t kShownCalls = 25;

std::vector<Survival> survivals() {
  std::vector<Survival> all = {Survival::nothing_unsynced(), Survival::everything()};
  for (std::uint64_t seed = 1; seed <= seeds(1); ++seed) {
    all.push_back(Survival::random(seed));
    all.push_back(Survival::random_unordered(seed));
  }
  return all;
}

Loss loss_of(Survival survival) {
  return survival.kind() == Survival::Kind::kEverything ? Loss::kKill : Loss::kPower;
}

/// Whether a size may survive without its data.
bool loses_beginnings(Survival survival) {
  return survival.kind() == Survival::Kind::kRandomUnordered;
}

/// Runs until the power goes. Returns whether it went through to the end.
bool run_until_cut(const Scenario& scenario, StoreRun& run) {
  try {
    scenario.during(run);
    return true;
  } catch (const PowerCut&) {
    return false;
  }
}

/// Whether files that came through a crash can be changed as any others.
void expect_works_on(StoreRun& run) {
  run.accept_what_is_there();
  for (const std::string& path : run.paths()) {
    run.write(path, 1'000, text_bytes(2'500, 77));
    run.append(path, text_bytes(7'000, 78));
    run.sync(path);
  }
  run.lose(Survival::nothing_unsynced());
  run.open_store();
  EXPECT_EQ(run.differences(), "");
  run.remount();
  EXPECT_EQ(run.differences(), "");
}

class StoreCrash : public testing::TestWithParam<Scenario> {
 protected:
  void SetUp() override {
    store::set_log_sink([](store::LogLevel, const std::string&) {});
  }

  /// Cuts at the `cut`-th call. Returns whether the scenario ended before.
  bool cut_at(std::uint64_t cut, Survival survival) {
    StoreRun run;
    GetParam().before(run);
    run.disk().cut_power_after(cut);
    const bool finished = run_until_cut(GetParam(), run);
    const std::string calls = run.disk().last_calls(kShownCalls);
    SCOPED_TRACE("cut at call " + std::to_string(cut) + ", " + survival.describe() + "\n" + calls);
    if (loses_beginnings(survival)) run.forgive_lost_beginnings();
    run.lose(survival);
    run.open_store();
    EXPECT_EQ(run.complaints(loss_of(survival)), "");
    expect_works_on(run);
    return finished;
  }

  /// As cut_at, and then again during the recovery.
  bool cut_twice(std::uint64_t cut, Survival first, Survival second) {
    StoreRun run;
    GetParam().before(run);
    run.disk().cut_power_after(cut);
    const bool finished = run_until_cut(GetParam(), run);
    run.lose(first);
    Random random(cut * 100 + first.seed());
    const std::uint64_t again = 1 + random.below(12);
    run.disk().cut_power_after(again);
    try {
      run.open_store();
    } catch (const PowerCut&) {
    }
    SCOPED_TRACE("cut at call " + std::to_string(cut) + ", " + first.describe() +
                 "; again at call " + std::to_string(again) + ", " + second.describe() + "\n" +
                 run.disk().last_calls(kShownCalls));
    if (loses_beginnings(first) || loses_beginnings(second)) run.forgive_lost_beginnings();
    run.lose(second);
    run.open_store();
    const bool only_killed = loss_of(first) == Loss::kKill && loss_of(second) == Loss::kKill;
    EXPECT_EQ(run.complaints(only_killed ? Loss::kKill : Loss::kPower), "");
    expect_works_on(run);
    return finished;
  }
};

TEST_P(StoreCrash, AtEveryCall) {
  int failures = 0;
  for (const Survival survival : survivals()) {
    bool finished = false;
    for (std::uint64_t cut = 1; !finished && failures < kMaxFailures; ++cut) {
      try {
        finished = cut_at(cut, survival);
      } catch (const std::exception& error) {
        ADD_FAILURE() << "cut at call " << cut << ", " << survival.describe() << ": "
                      << error.what();
      }
      if (HasFailure()) ++failures;
    }
  }
}

TEST_P(StoreCrash, AgainDuringRecovery) {
  const std::vector<Survival> all = survivals();
  int failures = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Survival second = all[(i + 3) % all.size()];
    bool finished = false;
    for (std::uint64_t cut = 1; !finished && failures < kMaxFailures; ++cut) {
      try {
        finished = cut_twice(cut, all[i], second);
      } catch (const std::exception& error) {
        ADD_FAILURE() << "cut at call " << cut << ", " << all[i].describe() << ", then "
                      << second.describe() << ": " << error.what();
      }
      if (HasFailure()) ++failures;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Scenarios, StoreCrash, testing::ValuesIn(scenarios()),
                         [](const testing::TestParamInfo<Scenario>& scenario) {
                           return scenario.param.name;
                         });

}  // namespace
}  // namespace zstdfs::test
