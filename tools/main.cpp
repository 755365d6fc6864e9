// The program `zstdfs`: looks at stores and stored files, and has them changed. What changes a
// store lies in fs/store.
#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>
#include <string_view>

#include "tools/command.hpp"

namespace {

/// What a command line that cannot be understood ends with: fsck has its own code for it.
int usage_exit_code(int argc, char** argv) {
  const bool fsck = argc > 1 && std::string_view(argv[1]) == "fsck";
  return fsck ? zstdfs::tools::kFsckUsage : zstdfs::tools::kExitUsage;
}

int run(int argc, char** argv) {
  using namespace zstdfs::tools;
  CLI::App app("Looks at what zstdfs keeps compressed.", "zstdfs");
  app.set_version_flag("--version", "zstdfs " ZSTDFS_VERSION, "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.require_subcommand(1);
  app.footer("To mount a directory: mount.zstdfs BACKING MOUNTPOINT, see mount.zstdfs(8).");

  Action action;
  add_info_command(app, action);
  add_usage_command(app, action);
  add_stats_command(app, action);
  add_dict_command(app, action);
  add_fsck_command(app, action);
  add_advise_command(app, action);
  add_train_command(app, action);
  add_policy_command(app, action);
  add_batch_command(app, action);
  add_recompress_command(app, action);
  add_decompress_command(app, action);
  add_import_command(app, action);
  add_export_command(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitOk : usage_exit_code(argc, argv);
  }
  const int code = action();
  std::cout.flush();
  if (!std::cout) {
    std::cerr << "zstdfs: the output could not be written\n";
    return code == kExitOk ? kExitFailed : code;
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "zstdfs: " << error.what() << "\n";
    return zstdfs::tools::kExitFailed;
  }
}
