// Random operations on one file of a store, compared after each with a model in memory.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>
#include <system_error>

#include "tests/unit/store_fixture.hpp"

namespace zstdfs::test {
namespace {

constexpr std::uint64_t kMaxFileBytes = 300'000;
constexpr int kOperations = 150;

class Model {
 public:
  explicit Model(std::uint64_t seed) : random_(seed), file_(store_.open_file("file")) {}

  void run() {
    for (int i = 0; i < kOperations && !testing::Test::HasFailure(); ++i) {
      step();
      compare();
    }
  }

  std::string history() const {
    std::string text;
    for (const std::string& line : history_) text += line + "\n";
    return text;
  }

 private:
  void note(const std::string& what, std::uint64_t a = 0, std::uint64_t b = 0) {
    history_.push_back(what + " " + std::to_string(a) + " " + std::to_string(b));
    if (history_.size() > 40) history_.pop_front();
  }

  Bytes content(std::size_t bytes) {
    switch (random_.below(4)) {
      case 0:
        return random_bytes(bytes, random_.next());
      case 1:
        return Bytes(bytes);
      default:
        return text_bytes(bytes, random_.next());
    }
  }

  std::uint64_t some_length() {
    static constexpr std::uint64_t kBounds[] = {10, 300, 5000, 70'000};
    return 1 + random_.below(kBounds[random_.below(4)]);
  }

  void write(std::uint64_t offset, std::uint64_t bytes) {
    note("write", offset, bytes);
    const Bytes piece = content(bytes);
    file_->write(offset, piece);
    expected_ = overwritten(std::move(expected_), offset, piece);
  }

  void zero(std::uint64_t offset, std::uint64_t bytes) {
    note("punch", offset, bytes);
    file_->punch_hole({offset, bytes});
    for (std::uint64_t i = offset; i < offset + bytes && i < expected_.size(); ++i) {
      expected_[i] = std::byte{0};
    }
  }

  void truncate(std::uint64_t bytes) {
    note("truncate", bytes);
    file_->truncate(bytes);
    expected_.resize(bytes);
  }

  void close_and_open() {
    note("close and open");
    file_->flush();
    store_.store->close_file(file_);
    if (random_.chance(50)) {
      note("settle");
      EXPECT_TRUE(store_.store->settle_now());
    }
    file_ = store_.open_file("file");
  }

  void remount() {
    note("remount");
    file_->flush();
    store_.store->close_file(file_);
    file_.reset();
    EXPECT_TRUE(store_.reopen());
    file_ = store_.open_file("file");
  }

  void kill() {
    note("kill");
    file_->flush();
    file_.reset();
    store_.crash(Survival::everything());
    file_ = store_.open_file("file");
  }

  void lose_power() {
    note("lose power");
    file_->sync(os::SyncKind::kDataAndTimes);
    file_.reset();
    store_.sync_names();
    const bool random_loss = random_.chance(50);
    note(random_loss ? "  at random" : "  all unsynced");
    store_.crash(random_loss ? Survival::random(random_.next()) : Survival::nothing_unsynced());
    file_ = store_.open_file("file");
  }

  void step() {
    const std::uint64_t size = expected_.size();
    switch (random_.below(16)) {
      case 0:
      case 1:
      case 2:
        if (size < kMaxFileBytes) write(size, some_length());
        break;
      case 3:
      case 4:
      case 5:
        write(random_.below(size + 1), some_length());
        break;
      case 6:
        if (size < kMaxFileBytes) write(size + random_.below(40'000), some_length());
        break;
      case 7:
        zero(random_.below(size + 1), some_length());
        break;
      case 8:
        truncate(random_.below(size + 1));
        break;
      case 9:
        if (size < kMaxFileBytes) truncate(size + random_.below(50'000));
        break;
      case 10:
        note("flush");
        file_->flush();
        break;
      case 11:
        note("sync");
        file_->sync(os::SyncKind::kData);
        break;
      case 12:
        close_and_open();
        break;
      case 13:
        remount();
        break;
      case 14:
        random_.chance(20) ? truncate(0) : kill();
        break;
      default:
        lose_power();
    }
    if (expected_.size() > 2 * kMaxFileBytes) truncate(kMaxFileBytes / 2);
  }

  void compare() {
    ASSERT_EQ(file_->logical_bytes(), expected_.size());
    const Bytes found = StoreOnDisk::read_all(*file_);
    if (found != expected_) {
      const auto [a, b] = std::mismatch(found.begin(), found.end(), expected_.begin());
      FAIL() << "content differs at " << (a - found.begin()) << ": found " << int(*a)
             << ", expected " << int(*b);
    }
    const std::uint64_t offset = random_.below(expected_.size() + 1);
    Bytes part(some_length());
    part.resize(file_->read(offset, part));
    const std::size_t wanted = std::min<std::size_t>(part.size(), expected_.size() - offset);
    ASSERT_EQ(part.size(), wanted);
    ASSERT_TRUE(std::equal(part.begin(), part.end(), expected_.begin() + std::ptrdiff_t(offset)));
    compare_holes(offset);
  }

  // What lies before the next data must be zeros.
  void compare_holes(std::uint64_t offset) {
    if (offset >= expected_.size()) return;
    std::uint64_t data = expected_.size();
    try {
      data = file_->seek_data(offset);
    } catch (const std::system_error& error) {
      ASSERT_EQ(error.code().value(), ENXIO);
    }
    for (std::uint64_t i = offset; i < data; ++i) ASSERT_EQ(expected_[i], std::byte{0}) << i;
    ASSERT_GE(file_->seek_hole(offset), offset);
  }

  Random random_;
  StoreOnDisk store_;
  std::shared_ptr<store::StoredFile> file_;
  Bytes expected_;
  std::deque<std::string> history_;
};

TEST(StoreModel, RandomOperationsGiveWhatTheModelSays) {
  for (std::uint64_t seed = 1; seed <= seeds(60); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model model(seed);
    try {
      model.run();
    } catch (const std::exception& error) {
      ADD_FAILURE() << error.what();
    }
    ASSERT_FALSE(HasFailure()) << model.history();
  }
}

}  // namespace
}  // namespace zstdfs::test
