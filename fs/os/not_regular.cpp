#include "fs/os/not_regular.hpp"

#include <cerrno>
#include <string>

namespace zstdfs::os {
namespace {

class NotRegular final : public std::error_category {
 public:
  const char* name() const noexcept override { return "zstdfs"; }
  std::string message(int) const override { return "not a regular file"; }
};

}  // namespace

std::error_code not_regular() {
  static const NotRegular category;
  return {EINVAL, category};
}

}  // namespace zstdfs::os
