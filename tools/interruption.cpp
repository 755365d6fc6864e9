#include "tools/interruption.hpp"

#include <cstdlib>
#include <array>
#include <atomic>
#include <csignal>

namespace zstdfs::tools {
namespace {

// A signal handler can reach nothing else.
volatile std::sig_atomic_t signal_that_came = 0;

void note_signal(int signal) {
  signal_that_came = signal;
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
