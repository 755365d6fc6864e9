#include "tools/interruption.hpp"

#include <cstdlib>

namespace zstdfs::tools {
namespace {

// A signal handler can reach nothing else.
volatile std::sig_atomic_t signal_that_came = 0;

void note_signal(int signal) {
  signal_that_came = signal;
}

}  // namespace

Interruption::Interruption() {
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
  if (signal_that_came != 0) throw Interrupted();
}

void Interruption::end_process() {
  const int signal = signal_that_came;
  std::signal(signal, SIG_DFL);
  std::raise(signal);
  std::_Exit(128 + signal);  // the signal is blocked
}

}  // namespace zstdfs::tools
