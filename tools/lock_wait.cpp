#include "tools/lock_wait.hpp"

#include <iostream>
#include <thread>

namespace zstdfs::tools {
namespace {

constexpr auto kSilentWait = std::chrono::seconds(1);
constexpr auto kRetryInterval = std::chrono::milliseconds(50);

}  // namespace

std::chrono::steady_clock::duration LockWait::waited() const {
  return std::chrono::steady_clock::now() - begin_;
}

void LockWait::pause(const std::function<std::string()>& message) {
  if (!said_ && waited() >= kSilentWait) {
    said_ = true;
    std::cerr << message() << '\n';
  }
  std::this_thread::sleep_for(kRetryInterval);
}

}  // namespace zstdfs::tools
