#include "tools/store_policy.hpp"

#include "fs/os/posix.hpp"
#include "fs/store/policy_file.hpp"
#include "fs/store/store_paths.hpp"
#include "tools/named_errors.hpp"

namespace zstdfs::tools {

store::Policy PolicyText::parse() const {
  return store::parse_policy(text, file, store::SystemAccounts());
}

std::optional<PolicyText> read_store_policy(const std::string& store) {
  const std::string file = store + "/" + store::kPolicyPath;
  return naming(file, [&]() -> std::optional<PolicyText> {
    auto text = store::read_policy_text(*os::open_posix_volume(store), store::kPolicyPath);
    if (!text) return std::nullopt;
    return PolicyText{file, std::move(*text)};
  });
}

std::optional<store::Policy> load_store_policy(const std::string& store) {
  const std::optional<PolicyText> text = read_store_policy(store);
  return text ? std::optional(text->parse()) : std::nullopt;
}

}  // namespace zstdfs::tools
