#include "tools/interruption.hpp"

#include <atomic>

namespace zstdfs::tools {
namespace {

constexpr int kShellSignalBase = 128;

// A signal handler can reach nothing else.
std::atomic<int> signal_that_came = 0;
static_assert(std::atomic<int>::is_always_lock_free);

void note_signal(int signal) {
  signal_that_came = signal;
}

}  // namespace

Interruption::Interruption() {
  signal_that_came = 0;
  struct sigaction action {};
  action.sa_handler = note_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], nullptr, &before_[i]);
    // What nohup(1) ignores stays ignored.
    if (before_[i].sa_handler != SIG_IGN) ::sigaction(kSignals[i], &action, nullptr);
  }
}

Interruption::~Interruption() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i], &before_[i], nullptr);
  }
}

void Interruption::check() const {
  if (requested()) throw Interrupted();
}

bool Interruption::requested() const {
  return signal_that_came != 0;
}

int Interruption::exit_code() {
  return kShellSignalBase + signal_that_came;
}

}  // namespace zstdfs::tools
