// `zstdfs info`: how single files are stored, and with --frames what any zstd file consists of.
#include <fcntl.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <system_error>

#include "tools/command.hpp"
#include "tools/display.hpp"
#include "tools/info_report.hpp"
#include "tools/mount_map.hpp"
#include "tools/named_errors.hpp"
#include "tools/place_in_store.hpp"
#include "tools/safe_open.hpp"
#include "tools/store_dictionaries.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::tools {
namespace {

struct InfoOptions {
  std::vector<std::string> paths;
  bool frames = false;
  bool json = false;
};

class InfoRun {
 public:
  explicit InfoRun(const InfoOptions& options) : options_(options) {}

  int run() {
    for (const std::string& path : options_.paths) examine_path(path);
    if (options_.json) {
      print_info_json(infos_);
    } else if (!infos_.empty()) {
      options_.frames ? print_frame_tables(infos_) : print_info_table(infos_);
      print_those_in_no_store(infos_);
    }
    std::cout.flush();  // what there is comes before what is wrong with it
    for (const FileInfo& info : infos_) report_damage(info);
    return exit_code_;
  }

 private:
  void failed(const std::string& path, const std::string& why) {
    std::cerr << "zstdfs info: " << printable(path) << ": " << why << '\n';
    exit_code_ = kExitFailed;
  }

  void examine_path(const std::string& path) {
    try {
      FileInfo info;
      info.path = path;
      info.stored_path = stored_path(path);
      const auto file = open_regular(AT_FDCWD, info.stored_path, FollowLinks::kYes);
      info.store = store_above(info.stored_path);
      info.form = examine(*file, StoreDictionaries(info.stored_path));
      info.disk_bytes = disk_bytes(file->stat());
      if (options_.frames) info.frames = list_frames(*file);
      infos_.push_back(std::move(info));
    } catch (const std::system_error& error) {
      const bool directory = error.code().value() == EISDIR;
      failed(path, directory ? "is a directory; see \"zstdfs usage\"" : explain(error.code()));
    } catch (const std::runtime_error& error) {
      failed(path, error.what());
    }
  }

  void report_damage(const FileInfo& info) {
    if (info.form.condition == Condition::kDamaged) {
      failed(info.path, info.form.damage + "; \"zstdfs fsck\" checks the whole store");
    }
    // A write that was interrupted may have cut a frame off. That is no damage, but no frame
    // either.
    if (info.frames && info.frames->problem) {
      const NoFrame& problem = *info.frames->problem;
      failed(info.path, "no whole frame at stored offset " + std::to_string(problem.stored_offset) +
                            ": " + problem.reason);
    }
  }

  const InfoOptions& options_;
  std::vector<FileInfo> infos_;
  int exit_code_ = kExitOk;
};

}  // namespace

void add_info_command(CLI::App& app, Action& action) {
  // Shared with the callback, which CLI11 copies.
  const auto options = std::make_shared<InfoOptions>();
  CLI::App* command = app.add_subcommand("info", "Show how files are stored");
  command->add_option("PATH", options->paths, "Files on a mount, in a backing directory, or .zst")
      ->required();
  command->add_flag("--frames", options->frames, "List every frame; of any zstd file");
  command->add_flag("--json", options->json, "Print a JSON array, sizes in bytes");
  command->footer(
      "Examples:\n"
      "  zstdfs info /srv/files/*.log\n"
      "  zstdfs info --frames backup.tar.zst");
  command->callback([options, &action] { action = [options] { return InfoRun(*options).run(); }; });
}

}  // namespace zstdfs::tools
