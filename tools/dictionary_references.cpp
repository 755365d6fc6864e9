#include "tools/dictionary_references.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <system_error>

#include "fs/store/inherited_settings.hpp"
#include "fs/store/policy_file.hpp"
#include "fs/store/store.hpp"
#include "tools/display.hpp"
#include "tools/safe_open.hpp"
#include "tools/store_policy.hpp"
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
      look_at_file(*open_regular(entry.directory_fd, entry.name, FollowLinks::kNo), entry.path);
    } catch (const std::system_error& error) {
      if (error.code().value() != ENOENT) problem(entry.path, explain(error.code()));
    } catch (const std::runtime_error& error) {
      problem(entry.path, error.what());
    }
    return Descend::kYes;
  }

  void look_at_file(const os::File& file, const std::string& path) {
    if (!is_container(file)) return;
    // Where frames must be decompressed to be found, a missing dictionary is a use of it.
    try {
      const LoadedContainer container = load_container(file);
      std::uint32_t last = 0;
      if (container.header_intact) used_by_file(container.header.dictionary_id, path, last);
      for (const FrameEntry& frame : container.index) {
        used_by_file(dictionary_of(file, frame), path, last);
      }
    } catch (const MissingDictionaryError& error) {
      std::uint32_t last = 0;
      used_by_file(error.id(), path, last);
    }
  }

  static std::uint32_t dictionary_of(const os::File& file, const FrameEntry& frame) {
    std::array<std::byte, kFrameBeginning> beginning{};
    const std::size_t bytes = file.read_at(frame.stored_offset, beginning);
    return get_frame_parameters(ByteSpan(beginning).first(bytes)).dict_id;
  }

  /// Counts a file once for frames that follow each other.
  void used_by_file(std::uint32_t id, const std::string& path, std::uint32_t& last) {
    if (id == 0 || id == last) return;
    last = id;
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

  os::Volume& volume_;
  const std::string root_;
  const Interruption* const interruption_;
  DictionaryReferences found_;
};

}  // namespace

DictionaryReferences find_dictionary_references(os::Volume& volume, const std::string& root,
                                                const Interruption* interruption) {
  return Search(volume, root, interruption).run();
}

}  // namespace zstdfs::tools
