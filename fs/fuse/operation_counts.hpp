#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fs/store/counters.hpp"
#include "fs/store/statistics_report.hpp"

namespace zstdfs::fuse {

/// The operations that are counted: all that go through answer().
inline constexpr std::array kOperationNames =
    std::to_array<std::string_view>({"copy_file_range", "create",   "fallocate",   "flush",
                                     "fsync",           "fsyncdir", "getattr",     "getxattr",
                                     "ioctl",           "link",     "listxattr",   "lookup",
                                     "lseek",           "mkdir",    "mknod",       "open",
                                     "opendir",         "read",     "readdir",     "readdirplus",
                                     "readlink",        "release",  "removexattr", "rename",
                                     "rmdir",           "setattr",  "setxattr",    "statfs",
                                     "symlink",         "unlink",   "write"});

/// An operation by its name, which the compiler looks up: one that is not in the list above does
/// not compile.
class Operation {
 public:
  consteval Operation(const char* name) : name_(name), number_(number_of(name)) {}

  const char* name() const { return name_; }
  std::size_t number() const { return number_; }

 private:
  static consteval std::size_t number_of(std::string_view name) {
    std::size_t i = 0;
    while (kOperationNames.at(i) != name) ++i;
    return i;
  }

  const char* name_;
  std::size_t number_;
};

/// Counts operations, and the errors that they were answered with.
///
/// Thread safety: all methods may run concurrently, and none waits.
class OperationCounts {
 public:
  void begun(Operation operation) noexcept { begun_.add(operation.number(), 1); }
  void failed(int code) noexcept;
  /// Enters what was counted.
  void tell(store::StatisticsReport& report) const;

 private:
  static constexpr std::size_t kCodes = 134;  // Linux has no more; others count as number 0

  store::Counters<kOperationNames.size()> begun_;
  std::array<std::atomic<std::uint64_t>, kCodes> failed_{};
};

}  // namespace zstdfs::fuse
