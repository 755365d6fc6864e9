#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace zstdfs::tools {

/// What `zstdfs` does once the command line was read; returns the exit code. Each subcommand sets
/// it when it is the one that was chosen.
using Action = std::function<int()>;

/// Exit codes of every subcommand but fsck.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;  ///< something could not be examined or done
inline constexpr int kExitUsage = 2;

/// Exit codes of fsck(8). They are bits: a check that found damage and could not read everything
/// ends with the sum.
inline constexpr int kFsckCorrected = 1;
inline constexpr int kFsckErrorsLeft = 4;
inline constexpr int kFsckOperational = 8;
inline constexpr int kFsckUsage = 16;

// Each adds one subcommand to `app`. The references stay in use until the action was run.
void add_info_command(CLI::App& app, Action& action);
void add_dict_command(CLI::App& app, Action& action);
void add_usage_command(CLI::App& app, Action& action);
void add_stats_command(CLI::App& app, Action& action);
void add_fsck_command(CLI::App& app, Action& action);
void add_scrub_command(CLI::App& app, Action& action);
void add_advise_command(CLI::App& app, Action& action);
void add_train_command(CLI::App& app, Action& action);
void add_policy_command(CLI::App& app, Action& action);
void add_batch_command(CLI::App& app, Action& action);
void add_recompress_command(CLI::App& app, Action& action);
void add_decompress_command(CLI::App& app, Action& action);
void add_import_command(CLI::App& app, Action& action);
void add_export_command(CLI::App& app, Action& action);

}  // namespace zstdfs::tools
