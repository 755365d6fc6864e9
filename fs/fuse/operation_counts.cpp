#include "fs/fuse/operation_counts.hpp"

#include <cstring>
#include <string>

namespace zstdfs::fuse {
namespace {

std::string error_name(std::size_t code) {
  const char* const name = code == 0 ? nullptr : ::strerrorname_np(static_cast<int>(code));
  return name == nullptr ? "other" : name;
}

}  // namespace

void OperationCounts::failed(int code) noexcept {
  const auto number = static_cast<std::size_t>(code);
  failed_[number < kCodes ? number : 0].fetch_add(1, std::memory_order_relaxed);
}

void OperationCounts::tell(store::StatisticsReport& report) const {
  for (std::size_t i = 0; i < kOperationNames.size(); ++i) {
    const std::uint64_t count = begun_.total(i);
    if (count > 0) report.operations[std::string(kOperationNames[i])] = count;
  }
  for (std::size_t code = 0; code < kCodes; ++code) {
    const std::uint64_t count = failed_[code].load(std::memory_order_relaxed);
    if (count > 0) report.errors[error_name(code)] += count;
  }
}

}  // namespace zstdfs::fuse
