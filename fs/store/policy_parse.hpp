#pragma once

#include <array>
#include <stdexcept>
#include <string>
#include <string_view>

#include "fs/store/accounts.hpp"
#include "fs/store/located_json.hpp"
#include "fs/store/policy.hpp"

namespace zstdfs::store {

inline constexpr std::size_t kMaxPolicyBytes = 1u << 20;
inline constexpr std::size_t kMaxPolicyRules = 1000;
inline constexpr int kPolicyVersion = 1;

// What a policy may say; packaging/policy.schema.json lists the same, which a test verifies.
inline constexpr std::array<std::string_view, 4> kPolicyKeys = {"$schema", "version", "rules",
                                                                "defaults"};
/// The keys of a rule that are not settings.
inline constexpr std::array<std::string_view, 6> kConditionKeys = {"name",     "path",  "min_size",
                                                                   "max_size", "owner", "group"};

/// A policy that cannot be used; what() is "FILE:LINE:COLUMN: REASON".
class PolicyError : public std::runtime_error {
 public:
  PolicyError(const std::string& file, TextPosition position, const std::string& reason)
      : std::runtime_error(file + ":" + std::to_string(position.line) + ":" +
                           std::to_string(position.column) + ": " + reason),
        position_(position),
        reason_(reason) {}

  TextPosition position() const { return position_; }
  const std::string& reason() const { return reason_; }

 private:
  TextPosition position_;
  std::string reason_;
};

/// Reads a policy from its text (docs/policy.md). `file` is how messages name it. The names of
/// owners and groups are looked up now, once. Throws PolicyError, also for names that nobody has
/// and for what cannot be looked up.
Policy parse_policy(std::string_view text, const std::string& file, const Accounts& accounts);

}  // namespace zstdfs::store
