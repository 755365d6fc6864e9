#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace zstdfs::store {

/// The system's users and groups, as a policy names them. Thread safety: may run concurrently.
class Accounts {
 public:
  virtual ~Accounts() = default;
  /// Nothing when there is none of that name. Throws std::system_error when that cannot be told.
  virtual std::optional<uid_t> user(const std::string& name) const = 0;
  virtual std::optional<gid_t> group(const std::string& name) const = 0;
};

/// Those of getpwnam(3) and getgrnam(3).
class SystemAccounts final : public Accounts {
 public:
  std::optional<uid_t> user(const std::string& name) const override;
  std::optional<gid_t> group(const std::string& name) const override;
};

}  // namespace zstdfs::store
