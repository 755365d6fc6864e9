#pragma once

#include <sys/ioctl.h>

#include <cstdint>

#include "fs/store/recompression.hpp"
#include "fs/store/settings_choice.hpp"

namespace zstdfs::store {

// What the administrators' command asks of a daemon: ioctl(2) on something that is open on the
// mount. The structures are the same on both sides, which are built together; a daemon of another
// version knows other numbers, and answers ENOTTY.

inline constexpr unsigned kControlType = 0xF5;

/// On a regular file: stores it anew (StoredFile::recompress). For root, the user who mounted, and
/// the file's owner. ENOKEY: a dictionary is missing.
struct RecompressRequest {
  // Asked: which settings are chosen, a bit for each (1 << Setting), and their values.
  std::uint32_t chosen = 0;
  std::int32_t level = 0;
  std::uint32_t chunk_bytes = 0;
  std::uint32_t dictionary_id = 0;
  std::uint8_t raw = 0;
  std::uint8_t saving_bytes = 0;
  std::uint8_t long_distance_matching = 0;
  std::uint8_t unused = 0;
  // Answered.
  std::uint32_t outcome = 0;  ///< a Recompression
  std::uint64_t stored_bytes_before = 0;
  std::uint64_t stored_bytes_after = 0;
};
inline constexpr unsigned long kRecompress = _IOWR(kControlType, 1, RecompressRequest);
/// The same without doing anything (StoredFile::plan_recompression). In the answer, what was chosen
/// is what the file would be stored with.
inline constexpr unsigned long kPlanRecompression = _IOWR(kControlType, 3, RecompressRequest);

RecompressRequest request_for(const SettingsChoice& choice);
SettingsChoice choice_in(const RecompressRequest& request);

/// On anything: what a dictionary may be used for while it is removed. For root and the user who
/// mounted. EBUSY: a file without a name needs it.
struct DictionaryUseRequest {
  enum class What : std::uint32_t {
    kUseAgain,  ///< Store::use_dictionary_again
    kRetire,    ///< Store::retire_dictionary
    kLook,      ///< changes nothing: Store::refuse_unnamed_use
  };
  std::uint32_t dictionary_id = 0;
  What what = What::kRetire;
  std::uint64_t moved_names = 0;  ///< answered: Store::moved_names
};
inline constexpr unsigned long kDictionaryUse = _IOWR(kControlType, 2, DictionaryUseRequest);

/// On anything: what the daemon has done and does, as JSON (statistics_report.hpp). For everybody
/// who can open it.
struct StatisticsAnswer {
  std::uint32_t bytes = 0;  ///< of the text
  char text[8188] = {};
};
inline constexpr unsigned long kStatistics = _IOR(kControlType, 4, StatisticsAnswer);

}  // namespace zstdfs::store
