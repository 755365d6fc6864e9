#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace zstdfs::tools {

/// Waits for a lock that somebody else has, between one try and the next, and says so on standard
/// error once that has taken a second.
class LockWait {
 public:
  std::chrono::steady_clock::duration waited() const;
  /// Waits a moment. `message` gives the line that says what is waited for.
  void pause(const std::function<std::string()>& message);

 private:
  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  bool said_ = false;
};

}  // namespace zstdfs::tools
