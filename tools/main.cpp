// The program `zstdfs`: looks at stores and stored files, and has them changed. What changes a
// store lies in fs/store.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>

#include "fs/os/posix.hpp"
#include "fs/store/log.hpp"
#include "tools/command.hpp"
#include "tools/command_line.hpp"
#include "tools/help_formatter.hpp"

namespace {

bool is_fsck(int argc, char** argv) {
  return argc > 1 && std::string_view(argv[1]) == "fsck";
}

/// Output that was lost is a failure, also that of --help. To fsck, 1 would mean that errors were
/// corrected.
int exit_code_after_output(int code, bool fsck) {
  std::cout.flush();
  if (std::cout) return code;
  std::cerr << "zstdfs: the output could not be written\n";
  const int failed = fsck ? zstdfs::tools::kFsckOperational : zstdfs::tools::kExitFailed;
  return fsck ? code | failed : std::max(code, failed);
}

/// What a store's code says when all is well is for the log of a daemon.
void say_what_is_wrong(zstdfs::store::LogLevel level, const std::string& text) {
  if (level != zstdfs::store::LogLevel::kInfo) std::cerr << "zstdfs: " << text << '\n';
}

int run(int argc, char** argv) {
  using namespace zstdfs::tools;
  zstdfs::store::set_log_sink(say_what_is_wrong);
  CLI::App app("Looks at what zstdfs keeps compressed.", "zstdfs");
  app.set_version_flag("--version", "zstdfs " ZSTDFS_VERSION, "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.require_subcommand(1);
  app.formatter(std::make_shared<HelpFormatter>());
  app.failure_message(explain_command_line);
  app.footer("To mount a directory: mount.zstdfs BACKING MOUNTPOINT, see mount.zstdfs(8).");

  Action action;
  add_info_command(app, action);
  add_usage_command(app, action);
  add_stats_command(app, action);
  add_dict_command(app, action);
  add_fsck_command(app, action);
  add_scrub_command(app, action);
  add_advise_command(app, action);
  add_train_command(app, action);
  add_policy_command(app, action);
  add_batch_command(app, action);
  add_recompress_command(app, action);
  add_decompress_command(app, action);
  add_import_command(app, action);
  add_export_command(app, action);
  const bool fsck = is_fsck(argc, argv);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (app.exit(error) != 0) return fsck ? kFsckUsage : kExitUsage;
    return exit_code_after_output(kExitOk, fsck);
  }
  return exit_code_after_output(action(), fsck);
}

}  // namespace

int main(int argc, char** argv) {
  zstdfs::os::occupy_standard_descriptors();
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "zstdfs: " << error.what() << "\n";
    return zstdfs::tools::kExitFailed;
  }
}
