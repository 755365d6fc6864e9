#include <gmock/gmock.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "fs/fuse/near_caller.hpp"

namespace zstdfs::fuse {
namespace {

constexpr auto kLongerThanBetweenLooks = std::chrono::milliseconds(2);
constexpr auto kLongerThanAPause = std::chrono::milliseconds(30);

cpu_set_t allowed_processors() {
  cpu_set_t allowed;
  EXPECT_EQ(::sched_getaffinity(0, sizeof(allowed), &allowed), 0);
  return allowed;
}

std::vector<int> processors_in(const cpu_set_t& set) {
  std::vector<int> processors;
  for (int i = 0; i < CPU_SETSIZE; ++i) {
    if (CPU_ISSET(static_cast<unsigned>(i), &set)) processors.push_back(i);
  }
  return processors;
}

void bind_to(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(processor), &set);
  ASSERT_EQ(::sched_setaffinity(0, sizeof(set), &set), 0);
}

/// A thread that sleeps on a processor, as one does that waits for an answer.
class Asking {
 public:
  explicit Asking(int processor) : thread_([this] { work(); }) { move_to(processor); }
  Asking(const Asking&) = delete;
  Asking& operator=(const Asking&) = delete;
  ~Asking() {
    move_to(kNowhere);
    thread_.join();
  }
  pid_t id() const { return id_; }

  /// Returns when it is there.
  void move_to(int processor) {
    wanted_ = processor;
    wanted_.notify_one();
    for (int at = at_; at != processor; at = at_) at_.wait(at);
  }

 private:
  static constexpr int kNowhere = -1;
  static constexpr int kNotYet = -2;

  void work() {
    id_ = ::gettid();
    for (int wanted = kNotYet; wanted != kNowhere;) {
      wanted_.wait(wanted);
      wanted = wanted_;
      if (wanted != kNowhere) bind_to(wanted);
      at_ = wanted;
      at_.notify_one();
    }
  }

  std::atomic<int> wanted_{kNotYet};
  std::atomic<int> at_{kNotYet};
  std::atomic<pid_t> id_{0};
  std::thread thread_;
};

/// Two requests: the first one of a thread could be the last.
void ask_twice(NearCaller& near, pid_t caller) {
  near.follow(caller);
  near.follow(caller);
}

class NearCallerTest : public ::testing::Test {
 protected:
  // In a thread of its own, since this changes what processors a thread may run on.
  void in_a_thread(const std::function<void(NearCaller&)>& body) {
    std::thread([&] {
      NearCaller near(keeper_);
      body(near);
    }).join();
  }

  const cpu_set_t allowed_ = allowed_processors();
  const std::vector<int> processors_ = processors_in(allowed_);
  std::atomic<std::uint64_t> requests_{0};
  ProcessorKeeper keeper_{requests_};
};

TEST_F(NearCallerTest, IsWhereItsCallerIsUntilItIsLetGo) {
  for (const int processor : processors_) {
    const Asking asking(processor);
    in_a_thread([&](NearCaller& near) {
      ask_twice(near, asking.id());
      EXPECT_TRUE(near.is_near());
      EXPECT_EQ(::sched_getcpu(), processor);
      EXPECT_EQ(processors_in(allowed_processors()), std::vector<int>{processor});
      near.let_go();
      EXPECT_FALSE(near.is_near());
      EXPECT_EQ(processors_in(allowed_processors()), processors_);
    });
  }
}

TEST_F(NearCallerTest, FollowsACallerThatMoves) {
  Asking asking(processors_.front());
  in_a_thread([&](NearCaller& near) {
    ask_twice(near, asking.id());
    EXPECT_EQ(::sched_getcpu(), processors_.front());
    asking.move_to(processors_.back());
    std::this_thread::sleep_for(kLongerThanBetweenLooks);
    near.follow(asking.id());
    EXPECT_TRUE(near.is_near());
    EXPECT_EQ(::sched_getcpu(), processors_.back());
  });
}

TEST_F(NearCallerTest, GivesUpForAWhileWhenTheCallerIsNeverThere) {
  ASSERT_GE(processors_.size(), 2u)
      << "needs a second processor: on one the caller is always there";
  Asking asking(processors_.front());
  in_a_thread([&](NearCaller& near) {
    ask_twice(near, asking.id());
    for (int i = 0; i < 5 && near.is_near(); ++i) {
      asking.move_to(i % 2 == 0 ? processors_.back() : processors_.front());
      std::this_thread::sleep_for(kLongerThanBetweenLooks);
      near.follow(asking.id());
    }
    EXPECT_FALSE(near.is_near());
    EXPECT_EQ(processors_in(allowed_processors()), processors_);
    std::this_thread::sleep_for(kLongerThanAPause);
    near.follow(asking.id());
    EXPECT_TRUE(near.is_near());
  });
}

TEST_F(NearCallerTest, GivesUpForAWhileWhereAnswersTakeLong) {
  using std::chrono::microseconds;
  const Asking asking(processors_.front());
  in_a_thread([&](NearCaller& near) {
    ask_twice(near, asking.id());
    for (int i = 0; i < 100; ++i) near.answered_after(microseconds(i % 3 == 0 ? 20 : 500));
    EXPECT_TRUE(near.is_near());
    for (int i = 0; i < 4; ++i) near.answered_after(microseconds(500));
    EXPECT_FALSE(near.is_near());
    near.follow(asking.id());
    EXPECT_FALSE(near.is_near());
    std::this_thread::sleep_for(kLongerThanAPause);
    near.follow(asking.id());
    EXPECT_TRUE(near.is_near());
  });
}

TEST_F(NearCallerTest, StaysWhereItMayRun) {
  ASSERT_GE(processors_.size(), 2u) << "needs a second processor: on one every place is near";
  const Asking asking(processors_.back());
  in_a_thread([&](NearCaller& near) {
    bind_to(processors_.front());
    ask_twice(near, asking.id());
    EXPECT_FALSE(near.is_near());
    EXPECT_EQ(processors_in(allowed_processors()), std::vector<int>{processors_.front()});
  });
}

TEST_F(NearCallerTest, DoesNotFollowSeveralThatAskInTurn) {
  const Asking one(processors_.front());
  const Asking other(processors_.front());
  in_a_thread([&](NearCaller& near) {
    for (int i = 0; i < 100; ++i) {
      near.follow(one.id());
      near.follow(other.id());
      EXPECT_FALSE(near.is_near());
    }
  });
}

TEST_F(NearCallerTest, NobodyIsNearWhoIsNotKnown) {
  pid_t ended = 0;
  {
    const Asking asking(processors_.front());
    ended = asking.id();
  }
  in_a_thread([&](NearCaller& near) {
    ask_twice(near, ended);
    EXPECT_FALSE(near.is_near());
  });
  in_a_thread([&](NearCaller& near) {
    ask_twice(near, 0);
    EXPECT_FALSE(near.is_near());
  });
}

/// The threads of keepers in this process.
std::vector<pid_t> keeping_threads() {
  std::vector<pid_t> threads;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(entry.path() / "comm"), name);
    if (name == "zstdfs-keeper") threads.push_back(std::stoi(entry.path().filename()));
  }
  return threads;
}

/// Processor time of a thread.
double used_seconds(pid_t thread) {
  double nanoseconds = 0;
  std::ifstream("/proc/self/task/" + std::to_string(thread) + "/schedstat") >> nanoseconds;
  return nanoseconds * 1e-9;
}

/// Whether that becomes so within some seconds, on a machine that has other things to do.
bool soon(const std::function<bool()>& condition) {
  for (int i = 0; i < 1000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

class ProcessorKeeperTest : public ::testing::Test {
 protected:
  pid_t keeping_thread() {
    const std::vector<pid_t> threads = keeping_threads();
    EXPECT_EQ(threads.size(), 1u);
    return threads.empty() ? 0 : threads[0];
  }
  /// Requests come for some time.
  void ask(std::chrono::milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) ++requests_;
  }

  std::atomic<std::uint64_t> requests_{0};
  const std::vector<int> processors_ = processors_in(allowed_processors());
};

// How much it does is up to who else needs the processor; without requests it is 2 ms at most.
TEST_F(ProcessorKeeperTest, KeepsFromTheFirstTimeWhileRequestsCome) {
  ASSERT_GE(processors_.size(), 2u) << "needs a second processor, which is kept from the first";
  constexpr double kMoreThanWithoutRequests = 2.5e-3;
  double most = 0;
  std::thread([&] {
    bind_to(processors_.back());
    for (int attempt = 0; attempt < 500 && most < kMoreThanWithoutRequests; ++attempt) {
      ProcessorKeeper keeper(requests_);
      keeper.keep(static_cast<unsigned>(processors_.front()));
      ask(std::chrono::milliseconds(30));
      most = std::max(most, used_seconds(keeping_thread()));
    }
  }).join();
  EXPECT_GE(most, kMoreThanWithoutRequests);
}

TEST_F(ProcessorKeeperTest, EndsWithoutRequests) {
  double least = 1;
  for (int attempt = 0; attempt < 100 && least > 4e-3; ++attempt) {
    ProcessorKeeper keeper(requests_);
    keeper.keep(static_cast<unsigned>(processors_.front()));
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    least = std::min(least, used_seconds(keeping_thread()));
  }
  EXPECT_LE(least, 4e-3);
}

TEST_F(ProcessorKeeperTest, IsThereWithLeastPriorityAndThenRests) {
  ProcessorKeeper keeper(requests_);
  for (const int processor : processors_) {
    const auto is_there = [&] {
      keeper.keep(static_cast<unsigned>(processor));
      cpu_set_t there;
      EXPECT_EQ(::sched_getaffinity(keeping_thread(), sizeof(there), &there), 0);
      return processors_in(there) == std::vector<int>{processor};
    };
    // It goes to the next one when it rests, for which it needs the busy one before.
    EXPECT_TRUE(soon(is_there));
    const pid_t thread = keeping_thread();
    EXPECT_TRUE(soon([&] { return ::getpriority(PRIO_PROCESS, static_cast<id_t>(thread)) == 19; }));
    EXPECT_TRUE(soon([&] {
      const double used = used_seconds(thread);
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
      return used_seconds(thread) - used < 0.05;
    }));
  }
}

}  // namespace
}  // namespace zstdfs::fuse
