// `zstdfs info`: how single files are stored.
#include <fcntl.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "tools/command.hpp"
#include "tools/display.hpp"
#include "tools/json_output.hpp"
#include "tools/mount_map.hpp"
#include "tools/safe_open.hpp"
#include "tools/store_dictionaries.hpp"
#include "tools/stored_form.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::tools {
namespace {

using Json = nlohmann::ordered_json;

struct InfoOptions {
  std::vector<std::string> paths;
  bool json = false;
};

struct FileInfo {
  std::string path;         ///< as it was given
  std::string stored_path;  ///< in the backing directory
  StoredForm form;
  std::uint64_t disk_bytes = 0;
};

FileInfo examine_path(const std::string& path) {
  FileInfo info;
  info.path = path;
  info.stored_path = stored_path(path);
  const auto file = open_regular(AT_FDCWD, info.stored_path, FollowLinks::kYes);
  info.form = examine(*file, StoreDictionaries(info.stored_path));
  info.disk_bytes = disk_bytes(file->stat());
  return info;
}

/// What a user may want to know beyond the numbers.
std::string note_of(const StoredForm& form) {
  if (form.foreign_zstd) return "raw (a .zst file of its own)";
  if (form.form == Form::kRaw) return "raw";
  switch (form.condition) {
    case Condition::kSealed:
      return "container";
    case Condition::kInterrupted:
      return "container (not sealed: being written, or a write was interrupted)";
    case Condition::kDamaged:
      break;
  }
  return "container (DAMAGED: " + form.damage + ")";
}

Json to_json(const FileInfo& info) {
  const StoredForm& form = info.form;
  Json json = {{"path", info.path},
               {"stored_path", info.stored_path},
               {"form", form_name(form.form)},
               {"logical_bytes", form.logical_bytes},
               {"stored_bytes", form.stored_bytes},
               {"disk_bytes", info.disk_bytes}};
  if (form.form == Form::kRaw) {
    json["foreign_zstd"] = form.foreign_zstd;
    return json;
  }
  json["level"] = form.level;
  json["chunk_bytes"] = form.chunk_bytes;
  json["frames"] = form.frames;
  json["zero_bytes"] = form.zero_bytes;
  json["condition"] = condition_name(form.condition);
  if (!form.damage.empty()) json["damage"] = form.damage;
  return json;
}

void print_table(const std::vector<FileInfo>& infos) {
  Table table({{"LOGICAL"},
               {"STORED"},
               {"RATIO"},
               {"ON DISK"},
               {"LEVEL"},
               {"CHUNK"},
               {"FRAMES"},
               {"FILE", Align::kLeft},
               {"FORM", Align::kLeft}});
  for (const FileInfo& info : infos) {
    const StoredForm& form = info.form;
    const bool raw = form.form == Form::kRaw;
    table.add_row({format_bytes(form.logical_bytes), format_bytes(form.stored_bytes),
                   format_ratio(form.logical_bytes, form.stored_bytes),
                   format_bytes(info.disk_bytes), raw ? "-" : std::to_string(form.level),
                   raw ? "-" : format_bytes(form.chunk_bytes),
                   raw ? "-" : format_count(form.frames), printable(info.path), note_of(form)});
  }
  table.print(std::cout);
}

int run_info(const InfoOptions& options) {
  std::vector<FileInfo> infos;
  int exit_code = kExitOk;
  const auto failed = [&](const std::string& path, const std::string& why) {
    std::cerr << "zstdfs info: " << printable(path) << ": " << why << '\n';
    exit_code = kExitFailed;
  };
  for (const std::string& path : options.paths) {
    try {
      infos.push_back(examine_path(path));
    } catch (const std::system_error& error) {
      const bool directory = error.code().value() == EISDIR;
      failed(path, directory ? "is a directory; see \"zstdfs usage\"" : explain(error.code()));
    } catch (const std::runtime_error& error) {
      failed(path, error.what());
    }
  }
  if (options.json) {
    Json list = Json::array();
    for (const FileInfo& info : infos) list.push_back(to_json(info));
    print_json(list);
  } else if (!infos.empty()) {
    print_table(infos);
  }
  return exit_code;
}

}  // namespace

void add_info_command(CLI::App& app, Action& action) {
  // Shared with the callback, which CLI11 copies.
  const auto options = std::make_shared<InfoOptions>();
  CLI::App* command = app.add_subcommand("info", "Show how files are stored");
  command->add_option("PATH", options->paths, "Files on a mount or in a backing directory")
      ->required();
  command->add_flag("--json", options->json, "Print a JSON array, sizes in bytes");
  command->footer(
      "Examples:\n"
      "  zstdfs info /srv/files/a.log\n"
      "  zstdfs info --json /srv/files/* | jq -r '.[] | select(.level < 9) | .path'");
  command->callback([options, &action] { action = [options] { return run_info(*options); }; });
}

}  // namespace zstdfs::tools
