#include "tests/mount/hostile_fixture.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using Clock = std::chrono::steady_clock;

// Sanitizers have memory of their own.
constexpr unsigned long kMaxMemoryKib = ZSTDFS_SANITIZED ? 2000000 : 200000;

Bytes untouched() {
  return test::bytes_of("not to be touched");
}

}  // namespace

HostileTest::HostileTest() : content_(test::compressible_bytes(600000, 1)) {
  std::filesystem::create_directory(outside_ / "directory");
  write_file(outside_ / "file", untouched());
  write_file(outside_ / "directory/file", untouched());
  std::filesystem::create_directory(store_.path("d"));
  write_file(store_.path("f"), content_);
  write_file(store_.path("d/f"), content_);
  store_.unmount(Committed::kMaybeNotAll);
}

void HostileTest::expect_outside_untouched() {
  EXPECT_EQ(names_in(outside_.path()), (std::vector<std::string>{"directory", "file"}));
  EXPECT_EQ(names_in(outside_ / "directory"), std::vector<std::string>{"file"});
  EXPECT_EQ(read_file(outside_ / "file"), untouched());
  EXPECT_EQ(read_file(outside_ / "directory/file"), untouched());
}

void HostileTest::expect_served(const std::function<void()>& look) {
  const auto begin = Clock::now();
  ASSERT_NO_THROW(store_.mount());
  look();
  EXPECT_EQ(difference(read_file(store_.path("d/f")), content_), "");
  {
    // A change that goes to a write log, and is merged at the unmount.
    const Fd fd = open_file(store_.path("d/f"), O_RDWR);
    pwrite_all(fd.get(), ByteSpan(content_).subspan(1000, 5000), 1000);
    EXPECT_EQ(::fsync(fd.get()), 0);
  }
  expect_little_memory(store_.daemon());
  store_.unmount(Committed::kMaybeNotAll);
  EXPECT_LT(Clock::now() - begin, kSoon);
  expect_outside_untouched();
}

void HostileTest::expect_refused(const std::string& subject) {
  const auto begin = Clock::now();
  const std::string said_before = store_.log();
  try {
    store_.mount();
    store_.unmount(Committed::kMaybeNotAll);
    ADD_FAILURE() << "it was mounted";
  } catch (const std::runtime_error&) {
    const std::string said = store_.log().substr(said_before.size());
    EXPECT_NE(said.find(subject), std::string::npos) << said;
  }
  EXPECT_LT(Clock::now() - begin, kSoon);
  expect_outside_untouched();
}

void use_file(const std::string& path) {
  const Fd fd(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!fd.valid() || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return;
  Bytes buffer(1u << 20);
  const auto read = [&](off_t at) {
    return ::pread(fd.get(), buffer.data(), buffer.size(), std::max<off_t>(at, 0));
  };
  for (off_t at = 0; at < 5 << 20 && read(at) > 0; at += 1 << 20) continue;
  for (const off_t at : {status.st_size / 2, status.st_size - 1, status.st_size}) read(at);
  for (const off_t at : {off_t{0}, status.st_size / 2}) {
    static_cast<void>(::lseek(fd.get(), at, SEEK_DATA));
    static_cast<void>(::lseek(fd.get(), at, SEEK_HOLE));
  }
  for (const off_t at : {off_t{100}, status.st_size / 2}) {
    static_cast<void>(::pwrite(fd.get(), "x", 1, std::max<off_t>(at, 0)));
  }
  static_cast<void>(::fsync(fd.get()));
  if (status.st_size > 0) static_cast<void>(::ftruncate(fd.get(), status.st_size - 1));
  static_cast<void>(::fsync(fd.get()));
}

void expect_little_memory(pid_t process) {
  const Ended status =
      shell("grep VmHWM /proc/\"$1\"/status | tr -dc 0-9", {std::to_string(process)});
  ASSERT_TRUE(status.ok()) << "the process is gone";
  EXPECT_LT(std::stoul(status.output), kMaxMemoryKib);
}

}  // namespace zstdfs::mounttest
