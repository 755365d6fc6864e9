#include "tools/dictionary_references.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <chrono>
#include <memory>
#include <system_error>
#include <thread>

#include "fs/store/inherited_settings.hpp"
#include "fs/store/lost_and_found.hpp"
#include "fs/store/policy_file.hpp"
#include "fs/store/salvage_plan.hpp"
#include "fs/store/store_paths.hpp"
#include "tools/display.hpp"
#include "tools/logical_content.hpp"
#include "tools/named_errors.hpp"
#include "tools/safe_open.hpp"
#include "tools/store_policy.hpp"
#include "tools/stored_form.hpp"
#include "tools/tree_walk.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/frame_parameters.hpp"

namespace zstdfs::tools {
namespace {

/// The longest frame header.
constexpr std::size_t kFrameBeginning = 18;

class Search {
 public:
  Search(os::Volume& volume, const std::string& root, const Interruption* interruption)
      : volume_(volume), root_(root), interruption_(interruption) {}

  DictionaryReferences run() {
    look_at_policy();
    look_at_attributes("");
    walk_tree(open_directory(AT_FDCWD, root_, FollowLinks::kYes),
              {[this](const WalkEntry& entry) { return visit(entry); },
               [this](const std::string& path, const std::error_code& error) {
                 problem(path, explain(error));
               }});
    return std::move(found_);
  }

 private:
  void problem(const std::string& path, const std::string& why) {
    found_.problems.push_back(printable(path.empty() ? root_ : path) + ": " + why);
  }

  Descend visit(const WalkEntry& entry) {
    if (interruption_ != nullptr) interruption_->check();
    if (entry.path == store::kStoreDirectory) return Descend::kNo;
    const bool regular = S_ISREG(entry.status.st_mode);
    if (regular || S_ISDIR(entry.status.st_mode)) look_at_attributes(entry.path);
    if (!regular) return Descend::kYes;
    try {
      look_at_file(open_regular(entry.directory_fd, entry.name, FollowLinks::kNo), entry.path);
    } catch (const std::system_error& error) {
      if (error.code().value() != ENOENT) problem(entry.path, explain(error.code()));
    } catch (const std::runtime_error& error) {
      problem(entry.path, error.what());
    }
    return Descend::kYes;
  }

  void look_at_file(std::unique_ptr<os::File> file, const std::string& path) {
    last_counted_ = 0;
    // Where frames must be decompressed to be found, a missing dictionary is a use of it.
    try {
      if (is_kept_copy(path)) {
        const auto kept = open_logical_content(std::move(file), no_dictionaries());
        if (store::is_or_was_container(*kept, no_dictionaries())) {
          look_at_damaged(
              *kept, path,
              "keeps a damaged file, which may need any; remove it when it is of no use");
        }
      } else if (is_container(*file)) {
        look_at_container(*file, path);
      } else if (store::is_or_was_container(*file, no_dictionaries())) {
        look_at_damaged(*file, path, kNotRepaired);
      }
    } catch (const MissingDictionaryError& error) {
      used_by_file(error.id(), path);
    }
  }

  static bool is_kept_copy(const std::string& path) {
    return path.starts_with(std::string(store::kLostAndFound) + "/") && path.ends_with(".damaged");
  }

  void look_at_container(const os::File& file, const std::string& path) {
    LoadedContainer container = load_container(file);
    // A daemon may just be rewriting it. One that is damaged indeed is waited for once.
    for (int i = 0; i < kMostLooks && is_damaged(container, file); ++i) {
      if (!found_.problems.empty()) break;
      std::this_thread::sleep_for(kLookAgainAfter);
      container = load_container(file);
    }
    if (container.header_intact) used_by_file(container.header.dictionary_id, path);
    for (const FrameEntry& frame : container.index) {
      used_by_file(dictionary_of(file, frame), path);
    }
    if (is_damaged(container, file)) look_at_damaged(file, path, kNotRepaired);
  }

  static bool is_damaged(const LoadedContainer& container, const os::File& file) {
    return condition_of(container, file.size()) == Condition::kDamaged;
  }

  /// Not all of its frames can be found; but all of them name the dictionary of the header, unless
  /// that was made anew, and has none.
  void look_at_damaged(const RandomAccessSource& source, const std::string& path,
                       const std::string& why) {
    const auto header = read_container_header(source);
    if (header && header->dictionary_id != 0) {
      used_by_file(header->dictionary_id, path);
    } else {
      problem(path, why);
    }
  }

  static std::uint32_t dictionary_of(const os::File& file, const FrameEntry& frame) {
    std::array<std::byte, kFrameBeginning> beginning{};
    const std::size_t bytes = file.read_at(frame.stored_offset, beginning);
    return get_frame_parameters(ByteSpan(beginning).first(bytes)).dict_id;
  }

  /// Counts a file once for frames that follow each other.
  void used_by_file(std::uint32_t id, const std::string& path) {
    if (id == 0 || id == last_counted_) return;
    last_counted_ = id;
    DictionaryUse& use = found_.by_id[id];
    if (use.files++ == 0) use.first_file = path;
  }

  void named_by(const std::optional<std::uint32_t>& id, const std::string& decider) {
    if (id && *id != 0) found_.by_id[*id].deciders.push_back(decider);
  }

  void look_at_policy() {
    try {
      const auto policy = load_store_policy(root_);
      if (!policy) return;
      for (const store::PolicyRule& rule : policy->rules()) {
        named_by(rule.settings.dictionary_id,
                 "the rule in line " + std::to_string(rule.line) + " of " + store::kPolicyPath);
      }
      named_by(policy->defaults().dictionary_id,
               std::string("the defaults of ") + store::kPolicyPath);
    } catch (const std::runtime_error& error) {
      // A daemon may still go by what it had before.
      found_.problems.push_back(error.what());
    }
  }

  void look_at_attributes(const std::string& path) {
    try {
      const auto own = store::settings_of(volume_.attributes(path, store::kAttributePrefix));
      named_by(own.settings.dictionary_id,
               "the attribute of " + printable(path.empty() ? root_ : path));
    } catch (const std::system_error& error) {
      if (error.code().value() != ENOENT) problem(path, explain(error.code()));
    }
  }

  static constexpr const char* kNotRepaired = "is damaged; unmount, and run zstdfs fsck --repair";
  static constexpr int kMostLooks = 5;
  static constexpr auto kLookAgainAfter = std::chrono::milliseconds(200);

  os::Volume& volume_;
  const std::string root_;
  const Interruption* const interruption_;
  DictionaryReferences found_;
  std::uint32_t last_counted_ = 0;  // of the file that is looked at
};

}  // namespace

DictionaryReferences find_dictionary_references(os::Volume& volume, const std::string& root,
                                                const Interruption* interruption) {
  return Search(volume, root, interruption).run();
}

}  // namespace zstdfs::tools
