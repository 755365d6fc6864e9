#pragma once

#include <deque>
#include <stdexcept>
#include <string>

#include "tests/soak/shared_state.hpp"
#include "zstdfs/bytes.hpp"

namespace zstdfs::soak {

/// The mount does not answer any more, because its daemon was killed.
struct MountGone {};

/// Something is not as it was promised.
class Violation : public std::runtime_error {
 public:
  explicit Violation(const std::string& what, Bytes found = {}, Bytes wanted = {})
      : std::runtime_error(what), found_(std::move(found)), wanted_(std::move(wanted)) {}

  const Bytes& found() const { return found_; }
  const Bytes& wanted() const { return wanted_; }

 private:
  Bytes found_;
  Bytes wanted_;
};

/// Whether a call has to work however full the disk is.
enum class Space { kMayLack, kNotNeeded };

/// Judges the results of system calls on a mount, counts them, and remembers the last ones.
class Calls {
 public:
  Calls(std::string mountpoint, SharedState& shared, int worker)
      : mountpoint_(std::move(mountpoint)), shared_(shared), worker_(worker) {}

  /// What is going to be done, for the history that a violation comes with.
  void note(const std::string& what);
  /// Judges what a call returned; errno is still the call's. Throws MountGone, and Violation for an
  /// error that must not be.
  Outcome judge(Call call, long result, Space space = Space::kNotNeeded);
  /// For what is no call of its own, such as an access to mapped memory that failed.
  [[noreturn]] void failed(Call call, const std::string& how);

  /// Whether there is no daemon behind the mount any more.
  bool is_gone() const;

  std::string history() const;

 private:
  const std::string mountpoint_;
  SharedState& shared_;
  const int worker_;
  std::deque<std::string> history_;
};

}  // namespace zstdfs::soak
