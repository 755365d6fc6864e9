#pragma once

#include <optional>
#include <string>

#include "fs/store/policy_parse.hpp"

namespace zstdfs::tools {

/// A policy's text and how messages name it.
struct PolicyText {
  std::string file;
  std::string text;

  /// Throws store::PolicyError.
  store::Policy parse() const;
};

/// The policy of the store with this backing directory; nothing when it has none. Throws
/// std::runtime_error that names the file.
std::optional<PolicyText> read_store_policy(const std::string& store);

/// The same, understood. Throws store::PolicyError, too.
std::optional<store::Policy> load_store_policy(const std::string& store);

}  // namespace zstdfs::tools
