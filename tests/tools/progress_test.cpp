#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <string>
#include <thread>

#include "fs/os/posix.hpp"

namespace zstdfs::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

constexpr std::chrono::milliseconds kLongerThanSilence{2300};

/// Starts `zstdfs batch compress --records lines` with these descriptors.
pid_t start_batch(int input, int error) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::dup2(input, STDIN_FILENO);
  ::dup2(error, STDERR_FILENO);
  ::dup2(::open("/dev/null", O_WRONLY), STDOUT_FILENO);
  ::execl(ZSTDFS_PROGRAM, "zstdfs", "batch", "compress", "--records", "lines", nullptr);
  ::_exit(127);
}

/// What a command says on standard error that gets input for longer than two seconds. It has
/// `error`; what it says there can be read from `shown`.
std::string run_slowly(os::UniqueFd error, int shown) {
  std::array<int, 2> input{};
  EXPECT_EQ(::pipe2(input.data(), O_CLOEXEC), 0);
  const os::UniqueFd read_end(input[0]);
  os::UniqueFd write_end(input[1]);
  const pid_t child = start_batch(read_end.get(), error.get());
  error.reset();
  std::this_thread::sleep_for(kLongerThanSilence);
  EXPECT_EQ(::write(write_end.get(), "line\n", 5), 5);
  write_end.reset();
  std::string text;
  std::array<char, 256> part{};
  // A terminal ends with EIO once nobody has it open.
  for (ssize_t n; (n = ::read(shown, part.data(), part.size())) > 0;) {
    text.append(part.data(), static_cast<std::size_t>(n));
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  return text;
}

TEST(Progress, IsShownOnATerminalAndRemovedAtTheEnd) {
  const os::UniqueFd terminal(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(terminal);
  ASSERT_EQ(::grantpt(terminal.get()), 0);
  ASSERT_EQ(::unlockpt(terminal.get()), 0);
  os::UniqueFd error(::open(::ptsname(terminal.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
  ASSERT_TRUE(error);
  const std::string shown = run_slowly(std::move(error), terminal.get());
  EXPECT_THAT(shown, HasSubstr("compressing: 5 B"));
  EXPECT_THAT(shown, EndsWith("\r\x1b[K"));
}

TEST(Progress, IsNotShownInAPipe) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const os::UniqueFd shown(pipe[0]);
  os::UniqueFd error(pipe[1]);
  EXPECT_EQ(run_slowly(std::move(error), shown.get()), "");
}

}  // namespace
}  // namespace zstdfs::test
