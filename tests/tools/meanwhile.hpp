#pragma once

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>

namespace zstdfs::test {

/// A process that does something in a directory again and again until that succeeds.
class Meanwhile {
 public:
  Meanwhile(const std::string& directory, const std::function<bool()>& body) : process_(::fork()) {
    if (process_ != 0) return;
    if (::chdir(directory.c_str()) != 0) ::_exit(2);
    while (!body()) ::usleep(100);
    ::_exit(0);
  }
  ~Meanwhile() {
    if (process_ > 0) ::kill(process_, SIGKILL);
    wait();
  }
  Meanwhile(const Meanwhile&) = delete;
  Meanwhile& operator=(const Meanwhile&) = delete;

  /// Until it has succeeded.
  void wait() {
    if (process_ > 0) ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }

 private:
  pid_t process_;
};

}  // namespace zstdfs::test
