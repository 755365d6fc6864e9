#include "fs/store/store_check.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "fs/store/dictionary_files.hpp"
#include "fs/store/journal_check.hpp"
#include "fs/store/policy_check.hpp"
#include "fs/store/policy_file.hpp"
#include "fs/store/store_directory.hpp"
#include "fs/store/store_paths.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::store {
namespace {

using Kind = StoreFinding::Kind;
using Type = os::DirectoryEntry::Type;
using nlohmann::json;

/// Far more than any of the store's own texts has.
constexpr std::uint64_t kMaxTextBytes = 64u << 10;

/// What may be in `.zstdfs/`: docs/format.md, "Store directory".
struct KnownPath {
  const char* path;
  Type type;
};
constexpr KnownPath kKnownPaths[] = {
    {kDescriptionPath, Type::kRegular}, {kStatePath, Type::kRegular},
    {kLockPath, Type::kRegular},        {kJournalDirectory, Type::kDirectory},
    {kPolicyPath, Type::kRegular},      {kDictionaryDirectory, Type::kDirectory},
    {kKnownSizesPath, Type::kRegular}};
constexpr const char* kReplacedAsAWhole[] = {kDescriptionPath, kStatePath, kPolicyPath,
                                             kKnownSizesPath};

/// Whether that is a file that would have become another, or a part of one.
bool is_leftover(const std::string& path) {
  if (path == kUnfinishedCopyPath) return true;
  return std::any_of(std::begin(kReplacedAsAWhole), std::end(kReplacedAsAWhole),
                     [&](const char* whole) { return path == unfinished_path(whole); });
}

class DirectoryCheck {
 public:
  DirectoryCheck(os::Volume& volume, StoreInspection& inspection)
      : volume_(volume), inspection_(inspection) {}

  void run() {
    look_at_all_but_journal();
    if (!has_journal_) return;
    for (const os::DirectoryEntry& entry : volume_.list(kJournalDirectory)) {
      if (!is_journal_name(entry.name) || entry.type != Type::kRegular) {
        found(Kind::kForeign, path_in_journal(entry.name), "does not belong into a journal");
      }
    }
    inspect_journal(volume_, inspection_);
  }

  void run_beside_daemon() {
    look_at_all_but_journal();
    std::erase_if(inspection_.findings,
                  [](const StoreFinding& finding) { return finding.kind == Kind::kPending; });
    inspection_.interrupted = inspection_.system_went_down = false;
  }

 private:
  void look_at_all_but_journal() {
    std::vector<os::DirectoryEntry> entries = volume_.list(kStoreDirectory);
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    for (const os::DirectoryEntry& entry : entries) look_at(entry);
    look_at_description();
    look_at_state();
    if (has_dictionaries_) look_at_dictionaries();
    if (has_policy_) look_at_policy();
  }

  void found(Kind kind, const std::string& path, const std::string& what) {
    inspection_.findings.push_back({kind, path, what, ""});
  }

  void look_at(const os::DirectoryEntry& entry) {
    const std::string path = std::string(kStoreDirectory) + "/" + entry.name;
    if (entry.type == Type::kRegular && is_leftover(path)) {
      found(Kind::kPending, path,
            "was being written when something was interrupted; it has no use any more");
      return;
    }
    const auto* const known = std::find_if(std::begin(kKnownPaths), std::end(kKnownPaths),
                                           [&](const KnownPath& k) { return path == k.path; });
    if (known == std::end(kKnownPaths)) {
      found(Kind::kForeign, path, "does not belong here");
      return;
    }
    if (known->type != entry.type) {
      if (path == kDescriptionPath) description_misplaced_ = true;
      if (path == kStatePath) state_misplaced_ = true;
      found(Kind::kForeign, path,
            known->type == Type::kDirectory ? "ought to be a directory"
                                            : "ought to be a regular file");
      return;
    }
    if (path == kDescriptionPath) has_description_ = true;
    if (path == kStatePath) has_state_ = true;
    if (path == kJournalDirectory) has_journal_ = true;
    if (path == kDictionaryDirectory) has_dictionaries_ = true;
    if (path == kPolicyPath) has_policy_ = true;
  }

  void look_at_dictionaries() {
    for (const os::DirectoryEntry& entry : volume_.list(kDictionaryDirectory)) {
      const std::string path = std::string(kDictionaryDirectory) + "/" + entry.name;
      if (entry.type == Type::kRegular && is_unfinished_dictionary(entry.name)) {
        found(Kind::kPending, path, "was being installed when something was interrupted");
      } else if (entry.type != Type::kRegular || !dictionary_id_of(entry.name)) {
        found(Kind::kForeign, path, "does not belong among dictionaries");
      }
    }
    for (const DictionaryCopies& copies : DictionaryFiles(volume_).list()) {
      if (!copies.first_is_whole) found_damaged_copy(copies.first_path(), copies);
      if (!copies.second_is_whole) found_damaged_copy(copies.second_path(), copies);
    }
  }

  void found_damaged_copy(const std::string& path, const DictionaryCopies& copies) {
    const std::string id = "dictionary " + std::to_string(copies.id);
    StoreFinding finding{Kind::kDamaged, path,
                         copies.usable()
                             ? "this copy of " + id + " is missing or damaged; the other is whole"
                             : "neither copy of " + id +
                                   " is whole: files that need it cannot be read until it is "
                                   "installed again",
                         ""};
    finding.dictionary_id = copies.id;
    inspection_.findings.push_back(std::move(finding));
  }

  // As a mount takes it: it says what is wrong, and goes on.
  void look_at_policy() {
    try {
      const auto text = read_policy_text(volume_, kPolicyPath);
      if (!text) return;
      const Policy policy = parse_policy(*text, kPolicyPath, SystemAccounts());
      for (const PolicyMistake& mistake : find_mistakes(policy, DictionaryFiles(volume_))) {
        found(Kind::kMistake, kPolicyPath, mistake.what);
      }
    } catch (const PolicyError& error) {
      const TextPosition at = error.position();
      found(Kind::kMistake, kPolicyPath,
            "line " + std::to_string(at.line) + ", column " + std::to_string(at.column) + ": " +
                error.reason() + "; no rules are in force");
    }
  }

  std::optional<json> read_json(const char* path) {
    const auto file = volume_.open(path, os::OpenMode::kRead);
    if (!file || file->size() > kMaxTextBytes) return std::nullopt;
    std::string text(static_cast<std::size_t>(file->size()), '\0');
    text.resize(file->read_at(0, std::as_writable_bytes(std::span(text))));
    json value = json::parse(text, nullptr, false);
    if (!value.is_object()) return std::nullopt;
    return std::make_optional(std::move(value));
  }

  void description_is_damaged(const std::string& what) {
    inspection_.description_damaged = true;
    found(Kind::kDamaged, kDescriptionPath, what);
  }

  void look_at_description() {
    if (description_misplaced_) {
      inspection_.description_damaged = true;
      return;
    }
    if (!has_description_) {
      description_is_damaged("is missing; the next mount writes a new one");
      return;
    }
    const auto description = read_json(kDescriptionPath);
    if (!description) {
      description_is_damaged("is not a JSON object");
      return;
    }
    const auto format = description->find("format");
    if (format == description->end() || !format->is_number_integer() || *format < 1) {
      description_is_damaged("has no valid \"format\"");
      return;
    }
    if (*format > kStoreFormat) {
      throw NewerFormatError("the store has format " + format->dump() +
                             ", which is newer than this program: use a newer zstdfs");
    }
    const auto id = description->find("id");
    if (id != description->end() && id->is_string()) inspection_.id = id->get<std::string>();
  }

  void look_at_state() {
    inspection_.interrupted = true;
    inspection_.system_went_down = true;
    const auto state = has_state_ ? read_json(kStatePath) : std::nullopt;
    const auto clean = state ? state->find("clean") : json::const_iterator();
    if (!state || clean == state->end() || !clean->is_boolean()) {
      inspection_.state_damaged = true;
      if (state_misplaced_) return;
      found(Kind::kDamaged, kStatePath,
            has_state_ ? "does not say whether the store was unmounted; the next mount looks at "
                         "every file"
                       : "is missing; the next mount looks at every file");
      return;
    }
    inspection_.interrupted = !clean->get<bool>();
    inspection_.system_went_down =
        inspection_.interrupted && !unsynced_writes_survived(*state, volume_);
  }

  os::Volume& volume_;
  StoreInspection& inspection_;
  bool has_description_ = false;
  bool description_misplaced_ = false;  // it is something else than a file
  bool has_state_ = false;
  bool state_misplaced_ = false;
  bool has_journal_ = false;
  bool has_dictionaries_ = false;
  bool has_policy_ = false;
};

}  // namespace

StoreInspection inspect_store(os::Volume& volume) {
  StoreInspection inspection;
  DirectoryCheck(volume, inspection).run();
  return inspection;
}

StoreInspection inspect_store_in_use(os::Volume& volume) {
  StoreInspection inspection;
  DirectoryCheck(volume, inspection).run_beside_daemon();
  return inspection;
}

}  // namespace zstdfs::store
