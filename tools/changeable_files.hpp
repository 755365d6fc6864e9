#pragma once

#include <map>
#include <memory>
#include <string>

#include "fs/store/recompression.hpp"
#include "fs/store/settings_choice.hpp"
#include "fs/store/store.hpp"
#include "zstdfs/source.hpp"

namespace zstdfs::tools {

class OpenStore;

/// A regular file of a store, open; as a source, its content as programs see it.
///
/// One thread at a time. Errors: std::system_error; files of a store that this process has open
/// also throw CorruptError and MissingDictionaryError.
class ChangeableFile : public RandomAccessSource {
 public:
  virtual store::RecompressionResult recompress(const store::SettingsChoice& choice) = 0;
  virtual store::RecompressionPlan plan(const store::SettingsChoice& choice) = 0;
};

/// The files of a tree in a store, wherever they can be changed.
class ChangeableTree {
 public:
  virtual ~ChangeableTree() = default;
  /// Opens a file by its path below root(). No symbolic link is followed, and no other type of file
  /// is opened.
  virtual std::unique_ptr<ChangeableFile> open(const std::string& path) = 0;

  /// Where paths begin: a directory that can be walked. The `.zstdfs` in it is the store's own.
  const std::string& root() const { return root_; }
  /// The store's backing directory; empty when it cannot be found.
  const std::string& store() const { return store_; }

 protected:
  ChangeableTree(std::string root, std::string store)
      : root_(std::move(root)), store_(std::move(store)) {}

 private:
  const std::string root_;
  const std::string store_;
};

/// A path that a user named.
struct ChangeablePath {
  ChangeableTree* tree = nullptr;
  std::string below;  ///< the tree's root; empty for the root itself
};

/// Finds out how the files at a path can be changed: through the daemon where their store is
/// mounted, also for a path in the backing directory, and otherwise by opening the store here.
class ChangeableStores {
 public:
  /// ForWriting::kNo: nothing will be changed.
  explicit ChangeableStores(store::ForWriting purpose);
  ~ChangeableStores();

  /// The result holds as long as this object. Throws std::system_error when there is no such path,
  /// std::runtime_error for one that is in no store, is not to be changed, or whose store has a
  /// policy that cannot be used, and what OpenStore's constructor does.
  ChangeablePath find(const std::string& path);

  /// Closes the stores that this process opened. Returns false when not everything could be
  /// committed.
  bool close();

 private:
  ChangeablePath find_mounted(const std::string& path, std::string store);
  ChangeablePath find_unmounted(const std::string& path, const std::string& store);

  const store::ForWriting purpose_;
  std::map<std::string, std::unique_ptr<OpenStore>> stores_;      // by their backing directories
  std::map<std::string, std::unique_ptr<ChangeableTree>> trees_;  // by their roots
};

}  // namespace zstdfs::tools
