#include "tests/power_cut/workloads.hpp"

#include <fcntl.h>

#include <chrono>
#include <deque>
#include <thread>

#include "tests/patterns.hpp"
#include "tests/power_cut/content.hpp"

namespace zstdfs::powercut {
namespace {

using std::chrono::milliseconds;
using test::Random;

/// So that files are a few dozen, and a recording has time for all.
void pause(milliseconds time) {
  std::this_thread::sleep_for(time);
}

/// Files are closed long enough that their changes are merged.
constexpr milliseconds kUntilSettled{1400};

std::uint64_t random_size(Random& random) {
  switch (random.below(4)) {
    case 0:
      return random.below(kBlockBytes + 1);
    case 1:
      return random.below(64u << 10);
    case 2:
      return random.below(512u << 10);
    default:
      return random.below(3u << 20);
  }
}

/// Makes files, syncs them or leaves them, and removes the oldest.
class FreshFiles : public Workload {
 public:
  FreshFiles(NotedDirectory& directory, std::uint64_t seed) : directory_(directory), random_(seed) {
    directory_.make_directory("fresh");
  }
  std::string name() const override { return "fresh files"; }

  void step() override {
    constexpr std::size_t kKept = 12;
    const std::string name = "fresh/" + std::to_string(count_++);
    NotedFile file = NotedFile::create(directory_, name);
    file.append(0, random_size(random_));
    const std::uint64_t kind = random_.below(4);
    if (kind == 1) file.sync_with_name();
    if (kind >= 2) file.sync();
    file.close();
    if (kind == 3) directory_.sync_directory("fresh", {name});
    names_.push_back(name);
    if (names_.size() > kKept) {
      directory_.unlink(names_.front());
      if (random_.chance(50)) directory_.sync_directory("fresh", {names_.front()});
      names_.pop_front();
    }
    pause(milliseconds(30));
  }

 private:
  NotedDirectory& directory_;
  Random random_;
  int count_ = 0;
  std::deque<std::string> names_;
};

/// Appends records of all sizes to a log, and syncs each.
class Appending : public Workload {
 public:
  Appending(NotedDirectory& directory, std::uint64_t seed) : directory_(directory), random_(seed) {
    directory_.make_directory("appended");
  }
  std::string name() const override { return "appending"; }

  void step() override {
    constexpr std::uint64_t kMaxBytes = 2u << 20;
    if (size_ == 0) start_log();
    NotedFile file(directory_, name_, number_, O_RDWR);
    for (int i = 0; i < 20; ++i) {
      const std::uint64_t bytes = random_.chance(10) ? random_.below(300'000) : random_.below(6000);
      file.append(size_, bytes);
      size_ += bytes;
      if (random_.chance(80)) file.sync_data();
      pause(milliseconds(15));
    }
    file.close();
    if (random_.chance(40)) pause(kUntilSettled);
    if (size_ > kMaxBytes) size_ = 0;
  }

 private:
  void start_log() {
    if (!name_.empty()) directory_.unlink(name_);
    name_ = "appended/" + std::to_string(count_++);
    NotedFile file = NotedFile::create(directory_, name_);
    number_ = file.number();
    file.append(0, 100);
    size_ = 100;
    file.sync_with_name();
    file.close();
  }

  NotedDirectory& directory_;
  Random random_;
  int count_ = 0;
  std::string name_;
  std::uint64_t number_ = 0;
  std::uint64_t size_ = 0;
};

/// Changes blocks all over a larger file, as a database or a disk image in it would. Most of the
/// time it waits until the changes are merged: several of these, and there are merges all the time.
class Overwriting : public Workload {
 public:
  Overwriting(NotedDirectory& directory, std::uint64_t seed, std::uint64_t blocks)
      : directory_(directory),
        random_(seed),
        blocks_(blocks),
        name_("overwritten/" + std::to_string(blocks)) {
    NotedFile file = NotedFile::create(directory_, name_);
    number_ = file.number();
    file.append(0, blocks_ * kBlockBytes);
    file.sync_with_name();
    file.close();
  }
  std::string name() const override { return "overwriting"; }

  void step() override {
    NotedFile file(directory_, name_, number_, O_RDWR);
    // Many changes at once are merged while the file is open.
    const bool many = blocks_ >= kManyBlocks && random_.chance(15);
    const std::uint64_t changes = many ? 150 : 1 + random_.below(8);
    for (std::uint64_t i = 0; i < changes; ++i) {
      const std::uint64_t count = many || random_.chance(10) ? 1 + random_.below(40) : 1;
      file.write_blocks(random_.below(blocks_ - count), count, ++version_);
      if (random_.chance(many ? 10 : 60)) file.sync_data();
      if (!many) pause(milliseconds(10));
    }
    file.close();
    pause(random_.chance(80) ? kUntilSettled : milliseconds(100));
  }

 private:
  static constexpr std::uint64_t kManyBlocks = 300;

  NotedDirectory& directory_;
  Random random_;
  std::uint64_t blocks_;
  std::string name_;
  std::uint64_t number_ = 0;
  std::uint64_t version_ = 1;
};

/// Replaces a file by another one, which it renames over it. Several share a directory.
class Replacing : public Workload {
 public:
  Replacing(NotedDirectory& directory, std::uint64_t seed, const std::string& name)
      : directory_(directory), random_(seed), name_("replaced/" + name) {}
  std::string name() const override { return "replacing"; }

  void step() override {
    const std::string target = name_ + std::to_string(random_.below(3));
    const std::string temporary = target + ".new";
    NotedFile file = NotedFile::create(directory_, temporary);
    file.append(0, random_size(random_));
    file.sync();
    file.close();
    directory_.rename(temporary, target, file.number());
    if (random_.chance(60)) directory_.sync_directory("replaced", {temporary, target});
    pause(milliseconds(50));
  }

 private:
  NotedDirectory& directory_;
  Random random_;
  std::string name_;
};

/// Shortens and lengthens a file, also to nothing, and removes it now and then.
class Resizing : public Workload {
 public:
  Resizing(NotedDirectory& directory, std::uint64_t seed) : directory_(directory), random_(seed) {
    directory_.make_directory("resized");
  }
  std::string name() const override { return "resizing"; }

  void step() override {
    if (name_.empty()) {
      name_ = "resized/" + std::to_string(count_++);
      NotedFile file = NotedFile::create(directory_, name_);
      number_ = file.number();
      file.sync_with_name();
      file.close();
    }
    NotedFile file(directory_, name_, number_, O_RDWR);
    const std::uint64_t changes = 1 + random_.below(12);
    for (std::uint64_t i = 0; i < changes; ++i) change(file);
    file.close();
    if (random_.chance(40)) pause(kUntilSettled);
    if (random_.chance(15)) {
      directory_.unlink(name_);
      if (random_.chance(70)) directory_.sync_directory("resized", {name_});
      name_.clear();
    }
    pause(milliseconds(20));
  }

 private:
  static constexpr std::uint64_t kMaxBlocks = 250;

  void change(NotedFile& file) {
    const std::uint64_t count = 1 + random_.below(60);
    const std::uint64_t first = random_.below(kMaxBlocks - count);
    switch (random_.below(7)) {
      case 0:
        file.truncate(random_.below(kMaxBlocks * kBlockBytes));
        break;
      case 1:
        if (random_.chance(40)) file.truncate(0);
        break;
      case 2:
        file.zero_blocks(first, count);
        break;
      default:
        file.write_blocks(first, count, ++version_);
    }
    if (random_.chance(40)) file.sync();
    pause(milliseconds(15));
  }

  NotedDirectory& directory_;
  Random random_;
  int count_ = 0;
  std::string name_;
  std::uint64_t number_ = 0;
  std::uint64_t version_ = 0;
};

}  // namespace

std::vector<std::unique_ptr<Workload>> make_workloads(NotedDirectory& directory,
                                                      std::uint64_t seed) {
  Random random(seed);
  std::vector<std::unique_ptr<Workload>> all;
  all.push_back(std::make_unique<FreshFiles>(directory, random.next()));
  all.push_back(std::make_unique<Appending>(directory, random.next()));
  directory.make_directory("overwritten");
  for (const std::uint64_t blocks : {900u, 700u, 300u, 200u, 150u, 100u, 90u, 60u}) {
    all.push_back(std::make_unique<Overwriting>(directory, random.next(), blocks));
  }
  directory.make_directory("replaced");
  for (const char* name : {"a", "b"}) {
    all.push_back(std::make_unique<Replacing>(directory, random.next(), name));
  }
  all.push_back(std::make_unique<Resizing>(directory, random.next()));
  directory.make_directory(kDatabaseDirectory);
  for (const char* mode : {"wal", "delete"}) all.push_back(make_database_workload(directory, mode));
  return all;
}

}  // namespace zstdfs::powercut
