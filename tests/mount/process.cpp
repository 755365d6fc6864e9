#include "tests/mount/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <thread>

#include "tests/mount/files.hpp"

namespace zstdfs::mounttest {
namespace {

using Clock = std::chrono::steady_clock;

int exit_status_of(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

std::vector<char*> pointers(const std::vector<std::string>& command) {
  std::vector<char*> out;
  for (const std::string& word : command) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

/// In the child: everything goes to `output`, and nothing is read.
[[noreturn]] void become(const std::vector<char*>& arguments, int output) {
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(nothing, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::execvp(arguments[0], arguments.data());
  ::perror(arguments[0]);
  ::_exit(127);
}

/// Reads until the end of the pipe; false when the time was up first.
bool drain(int pipe, std::string& output, Clock::time_point deadline) {
  char buffer[4096];
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd waiting{pipe, POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) continue;
    const ssize_t got = ::read(pipe, buffer, sizeof buffer);
    if (got == 0) return true;
    if (got > 0) output.append(buffer, static_cast<std::size_t>(got));
    if (got < 0 && errno != EINTR) return true;
  }
}

}  // namespace

Ended run(const std::vector<std::string>& command, std::chrono::seconds limit) {
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "pipe2");
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  const std::vector<char*> arguments = pointers(command);
  const pid_t child = ::fork();
  check(child, "fork");
  if (child == 0) {
    ::setpgid(0, 0);
    become(arguments, writer.get());
  }
  ::setpgid(child, child);
  writer = Fd();
  Ended ended;
  const Clock::time_point deadline = Clock::now() + limit;
  const bool closed = drain(reader.get(), ended.output, deadline);
  if (!closed) {
    ::kill(-child, SIGKILL);
    ended.output += "\n[killed: still running, or its output still open, after " +
                    std::to_string(limit.count()) + " s]\n";
  }
  int wait_status = 0;
  while (::waitpid(child, &wait_status, 0) < 0 && errno == EINTR) {
  }
  ended.status = closed ? exit_status_of(wait_status) : kTimedOut;
  return ended;
}

Ended shell(const std::string& script, const std::vector<std::string>& arguments,
            std::chrono::seconds limit) {
  std::vector<std::string> command{"bash", "-euo", "pipefail", "-c", script, "script"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run(command, limit);
}

pid_t start(const std::vector<std::string>& command, const std::string& output_path) {
  const Fd output(::open(output_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  check(output.get(), output_path.c_str());
  const std::vector<char*> arguments = pointers(command);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  check(child, "fork");
  if (child == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(127);
    become(arguments, output.get());
  }
  return child;
}

int wait_for(pid_t child, std::chrono::seconds limit) {
  int wait_status = 0;
  const bool ended =
      eventually([&] { return ::waitpid(child, &wait_status, WNOHANG) == child; }, limit);
  return ended ? exit_status_of(wait_status) : kTimedOut;
}

bool eventually(const std::function<bool()>& condition, std::chrono::seconds limit) {
  const Clock::time_point deadline = Clock::now() + limit;
  auto pause = std::chrono::milliseconds(1);
  while (!condition()) {
    if (Clock::now() >= deadline) return false;
    std::this_thread::sleep_for(pause);
    if (pause < std::chrono::milliseconds(50)) pause *= 2;
  }
  return true;
}

std::string in_child(const std::function<std::string()>& body) {
  int ends[2];
  check(::pipe2(ends, O_CLOEXEC), "pipe2");
  const Fd reader(ends[0]);
  Fd writer(ends[1]);
  const pid_t child = ::fork();
  check(child, "fork");
  if (child == 0) {
    // The child leaves by _exit: nothing of the test's own destructors may run twice.
    std::string said;
    int status = 0;
    try {
      said = body();
    } catch (const std::exception& error) {
      said = error.what();
      status = 1;
    }
    for (std::size_t done = 0; done < said.size();) {
      const ssize_t wrote = ::write(writer.get(), said.data() + done, said.size() - done);
      if (wrote <= 0) ::_exit(2);
      done += static_cast<std::size_t>(wrote);
    }
    ::_exit(status);
  }
  writer = Fd();
  std::string said;
  const bool closed = drain(reader.get(), said, Clock::now() + kPatience);
  if (!closed) ::kill(child, SIGKILL);
  int wait_status = 0;
  while (::waitpid(child, &wait_status, 0) < 0 && errno == EINTR) {
  }
  if (!closed || exit_status_of(wait_status) != 0) {
    throw std::runtime_error("a child of the test ended with status " +
                             std::to_string(exit_status_of(wait_status)) + ": " + said);
  }
  return said;
}

}  // namespace zstdfs::mounttest
