#include "tools/interruption.hpp"

#include <array>
#include <atomic>
#include <csignal>

namespace zstdfs::tools {
namespace {

constexpr std::array kSignals = {SIGINT, SIGTERM};
constexpr int kShellSignalBase = 128;

// A signal handler reaches nothing but what is global.
std::atomic<int> received = 0;
static_assert(std::atomic<int>::is_always_lock_free);

void remember(int signal) {
  received = signal;
}

}  // namespace

Interruption::Interruption() {
  received = 0;
  struct sigaction action {};
  action.sa_handler = remember;
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
  for (const int signal : kSignals) ::sigaction(signal, &action, nullptr);
}

Interruption::~Interruption() {
  for (const int signal : kSignals) ::signal(signal, SIG_DFL);
}

bool Interruption::requested() const {
  return received != 0;
}

int Interruption::exit_code() const {
  return kShellSignalBase + received;
}

}  // namespace zstdfs::tools
