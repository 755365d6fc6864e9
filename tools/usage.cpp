// `zstdfs usage`: what the files of a tree take, and what they would take without compression.
#include <fcntl.h>
#include <sys/statvfs.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>

#include "fs/store/store.hpp"
#include "tools/command.hpp"
#include "tools/display.hpp"
#include "tools/json_output.hpp"
#include "tools/mount_map.hpp"
#include "tools/safe_open.hpp"
#include "tools/store_dictionaries.hpp"
#include "tools/stored_form.hpp"
#include "tools/tree_walk.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::tools {
namespace {

using Json = nlohmann::ordered_json;

struct UsageOptions {
  std::string directory;
  bool json = false;
};

struct Totals {
  std::uint64_t files = 0;
  std::uint64_t logical_bytes = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t disk_bytes = 0;
  /// What the lower filesystem would need for the same files without compression.
  std::uint64_t uncompressed_disk_bytes = 0;

  Totals& operator+=(const Totals& other) {
    files += other.files;
    logical_bytes += other.logical_bytes;
    stored_bytes += other.stored_bytes;
    disk_bytes += other.disk_bytes;
    uncompressed_disk_bytes += other.uncompressed_disk_bytes;
    return *this;
  }
};

struct Usage {
  Totals container;
  Totals raw;
  std::uint64_t directories = 0;
  std::uint64_t others = 0;            ///< symbolic links, named pipes, sockets, devices
  std::uint64_t store_disk_bytes = 0;  ///< of .zstdfs/
  std::uint64_t damaged = 0;
  std::uint64_t failures = 0;

  Totals all() const {
    Totals sum = container;
    return sum += raw;
  }
};

class UsageCount {
 public:
  UsageCount(const std::string& stored_root, Usage& usage)
      : root_(stored_root == "/" ? "" : stored_root), dictionaries_(stored_root), usage_(usage) {}

  void run(os::UniqueFd directory) {
    walk_tree(std::move(directory), {[this](const WalkEntry& entry) { return visit(entry); },
                                     [this](const std::string& path, const std::error_code& error) {
                                       failed(path, explain(error));
                                     }});
  }

 private:
  void failed(const std::string& path, const std::string& why) {
    std::cerr << "zstdfs usage: " << printable(path.empty() ? root_ : root_ + "/" + path) << ": "
              << why << '\n';
    ++usage_.failures;
  }

  Descend visit(const WalkEntry& entry) {
    const bool own = entry.path == store::kStoreDirectory ||
                     entry.path.starts_with(std::string(store::kStoreDirectory) + "/");
    if (own) {
      usage_.store_disk_bytes += disk_bytes(entry.status);
    } else if (S_ISDIR(entry.status.st_mode)) {
      ++usage_.directories;
    } else if (!S_ISREG(entry.status.st_mode)) {
      ++usage_.others;
    } else if (first_name(entry.status)) {
      count_file(entry);
    }
    return Descend::kYes;
  }

  /// Whether a file was not met before under another name.
  bool first_name(const struct stat& status) {
    return status.st_nlink < 2 || linked_.emplace(status.st_dev, status.st_ino).second;
  }

  void count_file(const WalkEntry& entry) {
    try {
      const auto file = open_regular(entry.directory_fd, entry.name, FollowLinks::kNo);
      const StoredForm form = examine(*file, dictionaries_);
      const std::uint64_t on_disk = disk_bytes(entry.status);
      Totals one{1, form.logical_bytes, form.stored_bytes, on_disk, on_disk};
      if (form.form == Form::kContainer) {
        one.uncompressed_disk_bytes = whole_blocks(entry, form);
        if (form.condition == Condition::kDamaged) ++usage_.damaged;
      }
      (form.form == Form::kContainer ? usage_.container : usage_.raw) += one;
    } catch (const std::system_error& error) {
      if (error.code().value() != ENOENT) failed(entry.path, explain(error.code()));
    } catch (const std::runtime_error& error) {  // a newer format, a missing dictionary
      failed(entry.path, error.what());
    }
  }

  /// A native file keeps holes without blocks as well: savings on them are none of ours. Zeros that
  /// were written are counted as holes here, so the saving shown is never too large.
  std::uint64_t whole_blocks(const WalkEntry& entry, const StoredForm& form) {
    const std::uint64_t block = block_bytes(entry);
    const std::uint64_t data = form.logical_bytes - std::min(form.zero_bytes, form.logical_bytes);
    return (data + block - 1) / block * block;
  }

  std::uint64_t block_bytes(const WalkEntry& entry) {
    std::uint64_t& bytes = block_bytes_[entry.status.st_dev];
    if (bytes == 0) {
      struct statvfs status {};
      const bool known = ::fstatvfs(entry.directory_fd, &status) == 0 && status.f_frsize > 0;
      bytes = known ? status.f_frsize : 4096;
    }
    return bytes;
  }

  const std::string root_;
  const StoreDictionaries dictionaries_;
  Usage& usage_;
  std::set<std::pair<dev_t, ino_t>> linked_;
  std::map<dev_t, std::uint64_t> block_bytes_;
};

/// What is saved on disk: negative when compression costs more than it gives.
std::int64_t saved_bytes(const Totals& totals) {
  return static_cast<std::int64_t>(totals.uncompressed_disk_bytes - totals.disk_bytes);
}

double ratio(std::uint64_t logical, std::uint64_t stored) {
  return stored == 0 ? 1.0 : static_cast<double>(logical) / static_cast<double>(stored);
}

Json to_json(const Totals& totals) {
  return {{"files", totals.files},
          {"logical_bytes", totals.logical_bytes},
          {"stored_bytes", totals.stored_bytes},
          {"ratio", ratio(totals.logical_bytes, totals.stored_bytes)},
          {"disk_bytes", totals.disk_bytes},
          {"uncompressed_disk_bytes", totals.uncompressed_disk_bytes},
          {"saved_disk_bytes", saved_bytes(totals)}};
}

void print_usage_json(const UsageOptions& options, const std::string& stored, const Usage& usage) {
  Json json = {{"path", options.directory}, {"stored_path", stored}};
  json["total"] = to_json(usage.all());
  json["container"] = to_json(usage.container);
  json["raw"] = to_json(usage.raw);
  json["directories"] = usage.directories;
  json["other_objects"] = usage.others;
  json["store_disk_bytes"] = usage.store_disk_bytes;
  json["damaged_files"] = usage.damaged;
  json["failures"] = usage.failures;
  print_json(json);
}

void print_usage_table(const Usage& usage) {
  Table table({{"FORM", Align::kLeft},
               {"FILES"},
               {"LOGICAL"},
               {"STORED"},
               {"RATIO"},
               {"ON DISK"},
               {"UNCOMPRESSED"}});
  const auto row = [&](const char* name, const Totals& totals) {
    table.add_row({name, format_count(totals.files), format_bytes(totals.logical_bytes),
                   format_bytes(totals.stored_bytes),
                   format_ratio(totals.logical_bytes, totals.stored_bytes),
                   format_bytes(totals.disk_bytes), format_bytes(totals.uncompressed_disk_bytes)});
  };
  const Totals all = usage.all();
  row("container", usage.container);
  row("raw", usage.raw);
  row("total", all);
  table.print(std::cout);
  const std::int64_t saved = saved_bytes(all);
  const auto amount = static_cast<std::uint64_t>(saved < 0 ? -saved : saved);
  std::cout << (saved < 0 ? "Costs " : "Saves ") << format_bytes(amount) << " of "
            << format_bytes(all.uncompressed_disk_bytes) << " on disk";
  if (all.uncompressed_disk_bytes > 0) {
    std::cout << " (" << amount * 100 / all.uncompressed_disk_bytes << " %)";
  }
  if (usage.store_disk_bytes > 0) {
    std::cout << "; .zstdfs itself takes " << format_bytes(usage.store_disk_bytes);
  }
  std::cout << ".\n";
  if (usage.damaged > 0) {
    std::cout << format_count(usage.damaged)
              << " of the files are damaged: \"zstdfs fsck\" says where.\n";
  }
}

int run_usage(const UsageOptions& options) {
  Usage usage;
  std::string stored;
  try {
    stored = stored_path(options.directory);
    os::UniqueFd directory = open_directory(AT_FDCWD, stored, FollowLinks::kYes);
    UsageCount(stored, usage).run(std::move(directory));
  } catch (const std::system_error& error) {
    std::cerr << "zstdfs usage: " << printable(options.directory) << ": " << explain(error.code())
              << '\n';
    return kExitFailed;
  } catch (const std::runtime_error& error) {
    std::cerr << "zstdfs usage: " << printable(options.directory) << ": " << error.what() << '\n';
    return kExitFailed;
  }
  if (options.json) {
    print_usage_json(options, stored, usage);
  } else {
    print_usage_table(usage);
  }
  if (usage.failures == 0) return kExitOk;
  std::cerr << "zstdfs usage: " << usage.failures
            << " objects could not be examined; the totals are without them\n";
  return kExitFailed;
}

}  // namespace

void add_usage_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<UsageOptions>();  // shared with the callback
  CLI::App* command = app.add_subcommand("usage", "Sum up what the files of a directory take");
  command->add_option("DIR", options->directory, "A directory on a mount or in a backing directory")
      ->required();
  command->add_flag("--json", options->json, "Print a JSON object, sizes in bytes");
  command->footer(
      "Examples:\n"
      "  zstdfs usage /srv/files\n"
      "  zstdfs usage --json /srv/files/logs");
  command->callback([options, &action] { action = [options] { return run_usage(*options); }; });
}

}  // namespace zstdfs::tools
