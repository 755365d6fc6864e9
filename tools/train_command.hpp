#pragma once

#include <string>

#include "tools/advised_rule.hpp"
#include "tools/recipe_trial.hpp"

namespace zstdfs::tools {

/// The command line, for a shell, that trains a dictionary on files of a store and installs it,
/// with a rule that stores them by the recipe.
std::string train_command(const AdvisedFiles& files, const Recipe& recipe);

}  // namespace zstdfs::tools
