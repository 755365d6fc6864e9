#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fs/store/store_check.hpp"
#include "tools/stored_form.hpp"

namespace zstdfs::tools {

/// Something that is wrong with a stored file.
struct Finding {
  std::optional<std::uint64_t> stored_offset;  ///< absent when it concerns the whole file
  std::string what;
};

/// What a check of one stored file found.
struct FileCheck {
  Form form = Form::kRaw;
  std::uint64_t logical_bytes = 0;
  std::uint64_t stored_bytes = 0;
  std::uint64_t frames = 0;  ///< that were verified
  bool interrupted = false;  ///< the file is whole as far as it was durable; a mount repairs it
  std::vector<Finding> damage = {};
  std::string not_checked = {};  ///< why the file, or the rest of it, could not be checked
  /// Dictionaries without which the file, or some of its frames, could not be checked either, by
  /// id, with what is known of each.
  std::map<std::uint32_t, std::string> missing_dictionaries = {};

  bool whole_file_checked() const { return not_checked.empty() && missing_dictionaries.empty(); }
};

/// How the store of a file was left.
enum class Unmount {
  kClean,
  kKilled,     ///< the daemon ended, and all that it had written is there
  kPowerLoss,  ///< of what was not synced anything may be missing
};

/// How a store that is not in use was left.
Unmount unmount_of(const store::StoreInspection& inspection);
/// Whether a rewrite of the file was interrupted, which the next mount completes: what the file
/// holds until then means nothing.
bool is_being_rewritten(const struct stat& status, const store::StoreInspection& inspection);

/// As many findings as are kept of one file; the last then says that there are more.
inline constexpr std::size_t kMaxFindings = 50;

/// Verifies one stored file: of a container the structure (every frame and gap lies where the seek
/// table says) and the content of every frame against its checksums. A raw file holds nothing that
/// could be verified. Throws nothing but std::bad_alloc: what goes wrong is in the result.
///
/// Memory: one frame and its content, at most twice kMaxChunkBytes and a little.
/// Thread safety: may run concurrently.
FileCheck check_file(const RandomAccessSource& source, Unmount unmount,
                     const DictionarySource& dictionaries);

}  // namespace zstdfs::tools
