#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace zstdfs::mounttest {

/// How a program ended, and what it printed (standard output and standard error, as they came).
struct Ended {
  int status = -1;  ///< exit status; 128 + signal when it was killed; kTimedOut
  std::string output;

  bool ok() const { return status == 0; }
};

inline constexpr int kTimedOut = 124;

/// How long programs may take: far longer than they need, as machines may be slow and busy.
inline constexpr std::chrono::seconds kPatience{300};

/// Runs a program and waits until it ended and nobody holds its output any more (so a program
/// that leaves a daemon behind with the output open runs into the time limit). Then it is killed
/// with all that belongs to its process group.
Ended run(const std::vector<std::string>& command, std::chrono::seconds limit = kPatience);

/// Runs a script of bash with -euo pipefail; `arguments` become $1 and so on.
Ended shell(const std::string& script, const std::vector<std::string>& arguments = {},
            std::chrono::seconds limit = kPatience);

/// Starts a program with its output going to `output_path`; the kernel ends it with SIGTERM when
/// the test itself dies. Throws std::system_error.
pid_t start(const std::vector<std::string>& command, const std::string& output_path);

/// Waits until the child ended, and gives its status as Ended has it, or kTimedOut when it still
/// runs after `limit`.
int wait_for(pid_t child, std::chrono::seconds limit);

/// Calls `condition` again and again until it holds; false when it still does not after `limit`.
bool eventually(const std::function<bool()>& condition, std::chrono::seconds limit = kPatience);

/// Runs `body` in a forked child and returns the string that it returned. For whatever would
/// change the whole test process, such as credentials. Throws std::runtime_error when the child
/// did not end well.
std::string in_child(const std::function<std::string()>& body);

}  // namespace zstdfs::mounttest
