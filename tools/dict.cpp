// `zstdfs dict`: the dictionaries of a store.
#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>
#include <system_error>

#include "fs/os/posix.hpp"
#include "fs/store/dictionary_files.hpp"
#include "tools/command.hpp"
#include "tools/dictionary_references.hpp"
#include "tools/display.hpp"
#include "tools/interruption.hpp"
#include "tools/json_output.hpp"
#include "tools/named_errors.hpp"
#include "tools/new_file.hpp"
#include "tools/place_in_store.hpp"
#include "tools/safe_open.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_dictionaries.hpp"
#include "tools/store_hold.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::tools {
namespace {

using Json = nlohmann::ordered_json;
using store::DictionaryCopies;
using store::DictionaryFiles;

struct DictOptions {
  std::string store;
  std::string file;
  std::uint32_t id = 0;
  bool uses = false;
  bool dry_run = false;
  bool force = false;
  bool json = false;
};

std::string state_of(const DictionaryCopies& copies) {
  if (copies.whole()) return "whole";
  if (copies.usable()) return "one copy DAMAGED: \"zstdfs fsck --repair\" makes it good";
  return "DAMAGED: import it again from an export";
}

Json to_json(const DictionaryCopies& copies, const DictionaryReferences* references) {
  Json json = {{"id", copies.id},
               {"bytes", copies.bytes},
               {"first_copy_whole", copies.first_is_whole},
               {"second_copy_whole", copies.second_is_whole}};
  if (references == nullptr) return json;
  const auto use = references->by_id.find(copies.id);
  json["files"] = use == references->by_id.end() ? 0 : use->second.files;
  json["named_by"] = use == references->by_id.end() ? Json::array() : Json(use->second.deciders);
  return json;
}

void print_table(const std::vector<DictionaryCopies>& all, const DictionaryReferences* references) {
  if (all.empty()) {
    std::cout << "The store has no dictionaries: \"zstdfs train --install\" makes one.\n";
    return;
  }
  std::vector<Table::Column> columns = {{"ID"}, {"SIZE"}};
  if (references != nullptr) columns.push_back({"FILES"});
  columns.push_back({"STATE", Align::kLeft});
  Table table(columns);
  for (const DictionaryCopies& copies : all) {
    std::vector<std::string> row = {std::to_string(copies.id), format_bytes(copies.bytes)};
    if (references != nullptr) {
      const auto use = references->by_id.find(copies.id);
      row.push_back(format_count(use == references->by_id.end() ? 0 : use->second.files));
    }
    row.push_back(state_of(copies));
    table.add_row(std::move(row));
  }
  table.print(std::cout);
}

void complain_of_problems(const DictionaryReferences& references) {
  for (const std::string& problem : references.problems) {
    std::cerr << "zstdfs dict: " << problem << '\n';
  }
}

/// The backing directory of the store that was named.
std::string root_of(const DictOptions& options) {
  return naming(options.store, [&] { return place_in_store(options.store).store; });
}

/// The same, of a store that is to be changed.
std::string changeable_root_of(const DictOptions& options) {
  return naming(options.store, [&] { return changeable_place_in_store(options.store).store; });
}

int list_dictionaries(const DictOptions& options) {
  const std::string root = root_of(options);
  const auto volume = os::open_posix_volume(root);
  const std::vector<DictionaryCopies> all = DictionaryFiles(*volume).list();
  std::optional<DictionaryReferences> references;
  if (options.uses) references = find_dictionary_references(*volume, root);
  const DictionaryReferences* const known = references ? &*references : nullptr;
  if (options.json) {
    Json list = Json::array();
    for (const DictionaryCopies& copies : all) list.push_back(to_json(copies, known));
    print_json(list);
  } else {
    print_table(all, known);
  }
  if (known != nullptr) complain_of_problems(*known);
  const bool whole = std::all_of(all.begin(), all.end(),
                                 [](const DictionaryCopies& copies) { return copies.whole(); });
  return whole && (known == nullptr || known->problems.empty()) ? kExitOk : kExitFailed;
}

Bytes content_to_import(const std::string& path) {
  const auto file = open_regular(AT_FDCWD, path, FollowLinks::kYes);
  // One byte more tells that it is too large.
  Bytes content(static_cast<std::size_t>(
      std::min<std::uint64_t>(file->size(), store::kMaxDictionaryBytes + 1)));
  content.resize(file->read_at(0, content));
  return content;
}

std::uint32_t install(const DictOptions& options, const std::string& root, ByteSpan content) {
  try {
    return DictionaryFiles(*os::open_posix_volume(root)).install(content);
  } catch (const std::invalid_argument&) {
    rethrow_naming(options.file);
  } catch (const std::system_error&) {
    rethrow_naming(options.store);
  }
}

int import_dictionary(const DictOptions& options) {
  const Bytes content = naming(options.file, [&] { return content_to_import(options.file); });
  const std::string root = changeable_root_of(options);
  const std::uint32_t id = install(options, root, content);
  if (options.json) {
    print_json(Json{{"id", id}, {"bytes", content.size()}});
  } else {
    std::cout << "Dictionary " << id << " (" << format_bytes(content.size()) << ") is in "
              << printable(root)
              << ". A rule of the policy, or the attribute user.zstdfs.dictionary, uses it.\n";
  }
  return kExitOk;
}

int export_dictionary(const DictOptions& options) {
  const auto volume = os::open_posix_volume(root_of(options));
  const Bytes content =
      naming(options.store, [&] { return DictionaryFiles(*volume).read(options.id); });
  if (options.file == "-") {
    std::cout.write(reinterpret_cast<const char*>(content.data()),
                    static_cast<std::streamsize>(content.size()));
    return kExitOk;
  }
  write_new_file(options.file, content, options.force ? Existing::kReplace : Existing::kKeep,
                 Durability::kNow);
  return kExitOk;
}

std::string describe(const DictionaryUse& use) {
  std::string text;
  if (use.files > 0) {
    text = format_count(use.files) + (use.files == 1 ? " file needs it (" : " files need it (") +
           printable(use.first_file) + (use.files == 1 ? ")" : " and others)");
  }
  for (const std::string& decider : use.deciders) {
    text += (text.empty() ? "" : ", ") + decider + " names it";
  }
  return text;
}

/// Removes dictionaries that nothing refers to: whoever could begin to is kept from it before the
/// search.
class Removal {
 public:
  Removal(const DictOptions& options, const std::string& root)
      : options_(options), root_(root), hold_(root) {}

  int remove(std::uint32_t id) {
    refuse_missing_dictionary(hold_.volume(), id);
    hold_.retire_dictionary(id);
    const DictionaryReferences references = search();
    const auto use = references.by_id.find(id);
    if (use != references.by_id.end() && use->second.used()) {
      throw std::runtime_error("dictionary " + std::to_string(id) +
                               " is in use: " + describe(use->second) +
                               "; change what names it, and run \"zstdfs recompress\"");
    }
    hold_.refuse_unnamed_use(id);
    drop(id);
    report();
    return kExitOk;
  }

  int remove_unused() {
    // A first look, so that the daemon is not kept from using what is used.
    const DictionaryReferences before = search();
    std::set<std::uint32_t> candidates;
    for (const DictionaryCopies& copies : DictionaryFiles(hold_.volume()).list()) {
      if (!before.is_used(copies.id)) candidates.insert(copies.id);
    }
    std::erase_if(candidates, [this](std::uint32_t id) {
      return is_kept(id, [&] { hold_.retire_dictionary(id); });
    });
    const DictionaryReferences references = candidates.empty() ? before : search();
    try {
      for (const std::uint32_t id : candidates) {
        if (references.is_used(id)) continue;
        is_kept(id, [&] {
          hold_.refuse_unnamed_use(id);
          drop(id);
        });
      }
    } catch (const std::exception&) {
      report();  // Some are gone.
      throw;
    }
    report();
    return kept_.empty() ? kExitOk : kExitFailed;
  }

 private:
  /// Whether the dictionary turns out to be in use, which is no reason to keep the others.
  template <typename Work>
  bool is_kept(std::uint32_t id, Work work) {
    try {
      work();
      return false;
    } catch (const DictionaryInUse& error) {
      std::cerr << "zstdfs dict: " << error.what() << '\n';
      kept_.push_back(id);
      return true;
    }
  }

  DictionaryReferences search() {
    for (int i = 0; i < kMostSearches; ++i) {
      const std::uint64_t moved = hold_.moved_names();
      DictionaryReferences references = search_once();
      // A file that is moved while the store is searched may be missed.
      if (hold_.moved_names() == moved) return references;
    }
    throw std::runtime_error(
        "files are being renamed all the time, so what is needed is not known, and nothing was "
        "removed; try again when less is done there, or unmount");
  }

  DictionaryReferences search_once() {
    DictionaryReferences references =
        find_dictionary_references(hold_.volume(), root_, &interruption_);
    if (references.problems.empty()) return references;
    std::string what = references.problems.front();
    if (references.problems.size() > 1) {
      complain_of_problems(references);
      what = "not everything could be looked at";
    }
    throw std::runtime_error(what + "; so what is needed is not known, and nothing was removed");
  }

  void drop(std::uint32_t id) {
    if (!options_.dry_run) DictionaryFiles(hold_.volume()).remove(id);
    removed_.push_back(id);
  }

  void report() const {
    if (options_.json) {
      print_json(Json{{"removed", removed_}, {"kept", kept_}, {"dry_run", options_.dry_run}});
      return;
    }
    const char* const verb = options_.dry_run ? "would be removed" : "is removed";
    for (const std::uint32_t id : removed_) {
      std::cout << "Dictionary " << id << ' ' << verb << ": nothing refers to it.\n";
    }
    if (!removed_.empty() || !kept_.empty()) return;
    std::cout << "There is no dictionary that nothing refers to.\n";
  }

  static constexpr int kMostSearches = 5;

  const DictOptions& options_;
  const std::string root_;
  const Interruption interruption_;
  StoreHold hold_;
  std::vector<std::uint32_t> removed_;
  std::vector<std::uint32_t> kept_;  // although nothing that has a name refers to them
};

template <typename Work>
int removal(const DictOptions& options, Work work) {
  const std::string root = options.dry_run ? root_of(options) : changeable_root_of(options);
  return naming(options.store, [&] {
    Removal removal(options, root);
    return work(removal);
  });
}

int explained(const DictOptions& options, int (*run)(const DictOptions&)) {
  try {
    return run(options);
  } catch (const Interrupted&) {
    std::cerr << "zstdfs dict: interrupted; nothing was removed\n";
    return Interruption::exit_code();
  } catch (const std::exception& error) {
    std::cerr << "zstdfs dict: " << error.what() << '\n';
  }
  return kExitFailed;
}

CLI::App* add(CLI::App& dict, const std::shared_ptr<DictOptions>& options, Action& action,
              const char* name, const char* what, int (*run)(const DictOptions&)) {
  CLI::App* command = dict.add_subcommand(name, what);
  command->callback(
      [options, &action, run] { action = [options, run] { return explained(*options, run); }; });
  return command;
}

void add_id(CLI::App& command, DictOptions& options) {
  command.add_option("ID", options.id, "The dictionary's id")->required();
}
void add_store(CLI::App& command, DictOptions& options) {
  command.add_option("STORE", options.store, "A mount, a backing directory, or something in one")
      ->required();
}

}  // namespace

void add_dict_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<DictOptions>();  // shared with the callbacks
  CLI::App* dict = app.add_subcommand("dict", "List, import, export and remove dictionaries");
  dict->require_subcommand(1);
  dict->footer(
      "Examples:\n"
      "  zstdfs dict list --uses /mnt\n"
      "  zstdfs dict export 40000 /mnt --output 40000.zdict\n"
      "  zstd -dc -D 40000.zdict /data/file\n"
      "  zstdfs dict import 40000.zdict /mnt\n"
      "  zstdfs dict rm 40000 /mnt\n"
      "  zstdfs dict gc --dry-run /mnt");

  CLI::App* list =
      add(*dict, options, action, "list", "Show a store's dictionaries", list_dictionaries);
  add_store(*list, *options);
  list->add_flag("--uses", options->uses, "Count the files that need each: reads every file");
  add_json_option(*list, options->json);

  CLI::App* import =
      add(*dict, options, action, "import", "Put a dictionary into a store", import_dictionary);
  import->add_option("FILE", options->file, "A zstd dictionary")->required();
  add_store(*import, *options);
  add_json_option(*import, options->json);

  CLI::App* out =
      add(*dict, options, action, "export", "Copy a dictionary out of a store", export_dictionary);
  add_id(*out, *options);
  add_store(*out, *options);
  out->add_option("--output", options->file, "The file to write; - is standard output")
      ->required()
      ->type_name("FILE");
  out->add_flag("--force", options->force, "Replace the file");

  CLI::App* rm = add(*dict, options, action, "rm", "Remove a dictionary that nothing refers to",
                     [](const DictOptions& chosen) {
                       return removal(chosen, [&](Removal& all) { return all.remove(chosen.id); });
                     });
  add_id(*rm, *options);
  add_store(*rm, *options);
  CLI::App* gc = add(*dict, options, action, "gc", "Remove all dictionaries that nothing refers to",
                     [](const DictOptions& chosen) {
                       return removal(chosen, [](Removal& all) { return all.remove_unused(); });
                     });
  add_store(*gc, *options);
  for (CLI::App* command : {rm, gc}) {
    command->add_flag("--dry-run", options->dry_run,
                      "Say what would be removed, and remove nothing");
    add_json_option(*command, options->json);
  }
}

}  // namespace zstdfs::tools
