#include "tools/json_output.hpp"

#include <nlohmann/json.hpp>

namespace zstdfs::tools {

void print_json(const nlohmann::ordered_json& value, std::ostream& out) {
  constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;
  out << value.dump(/*indent=*/2, ' ', /*ensure_ascii=*/false, kReplace) << '\n';
}

}  // namespace zstdfs::tools
