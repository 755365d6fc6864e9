#include "fs/fuse/daemon.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "fs/fuse/system_error.hpp"
#include "fs/store/log.hpp"

namespace zstdfs::fuse {
namespace {

ExitCode wait_for_word(int pipe, pid_t daemon) {
  unsigned char word = 0;
  ssize_t bytes = 0;
  do {
    bytes = ::read(pipe, &word, 1);
  } while (bytes < 0 && errno == EINTR);
  if (bytes == 1) return static_cast<ExitCode>(word);
  int status = 0;
  ::waitpid(daemon, &status, 0);
  std::string text = "the daemon ended before the mount was ready";
  if (WIFSIGNALED(status)) text += std::string(" (") + ::strsignal(WTERMSIG(status)) + ")";
  store::log(store::LogLevel::kError, text);
  return ExitCode::kFailure;
}

}  // namespace

void ReadySignal::ready() {
  if (!pipe_) return;
  // Scripts that wait for the end of our output would hang otherwise.
  const os::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  for (int fd = 0; null && fd <= 2; ++fd) ::dup2(null.get(), fd);
  tell(ExitCode::kSuccess);
}

void ReadySignal::tell(ExitCode code) {
  if (!pipe_) return;
  const auto word = static_cast<unsigned char>(code);
  while (::write(pipe_.get(), &word, 1) < 0 && errno == EINTR) {
  }
  pipe_.reset();
}

DaemonRole become_daemon() {
  int ends[2];
  check_call(::pipe2(ends, O_CLOEXEC), "pipe2");
  os::UniqueFd reading(ends[0]);
  os::UniqueFd writing(ends[1]);
  const pid_t child = check_call(::fork(), "fork");
  if (child == 0) {
    ::setsid();
    return {.is_daemon = true, .signal = ReadySignal(std::move(writing))};
  }
  writing.reset();  // Only the daemon has it, so its end is seen.
  return {.is_daemon = false, .signal = {}, .outcome = wait_for_word(reading.get(), child)};
}

}  // namespace zstdfs::fuse
