#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "fs/store/repair.hpp"
#include "fs/store/store_check.hpp"

namespace zstdfs::tools {

enum class Tense { kDid, kWould };

/// One line for people about a step of a repair.
std::string describe(const store::RepairAction& action, Tense tense);

nlohmann::ordered_json to_json(const store::RepairAction& action);
nlohmann::ordered_json to_json(const store::StoreFinding& finding);

}  // namespace zstdfs::tools
