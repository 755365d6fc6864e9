#pragma once

#include <map>
#include <string>
#include <vector>

#include "tools/store_settings.hpp"
#include "tools/usage_count.hpp"

namespace zstdfs::tools {

/// Why a file saves nothing, or next to nothing.
enum class LossReason {
  kExcluded,          ///< the policy or an attribute keeps it raw
  kOneBlock,          ///< takes one block of the filesystem, and nothing can take less
  kCompressedFormat,  ///< its content is in a format that is compressed already
  kRaw,               ///< stored raw for a reason that was not looked for
  kIncompressible,    ///< raw, and a sample of it does not become smaller
  kNoBlockSaved,      ///< raw; a sample of it becomes smaller, but not by a block
  kNotCompressed,     ///< raw, though compression would save: older than the store, or new
  kSavesLittle,       ///< compressed, to nearly the same size
};

struct UsageLoser {
  std::string path;  ///< below the directory that was asked for
  StoredForm form;
  Totals totals;
  LossReason reason = LossReason::kRaw;
  std::string explanation;  ///< for people
};

/// The largest of the files that save less than kLoserShare of what they would take on disk, and
/// why. The more a file takes the larger is what it could save.
///
/// Memory: in proportion to `top`.
class UsageLosers {
 public:
  /// In percent.
  static constexpr std::uint64_t kLoserPercent = 5;

  /// `settings` outlives it.
  UsageLosers(std::size_t top, StoreSettings& settings) : top_(top), settings_(settings) {}

  /// Reads samples of raw files that are among the largest so far. Throws std::system_error,
  /// ZstdError.
  void add(const CountedFile& file);

  /// The largest on disk first.
  std::vector<UsageLoser> sorted() const;
  /// All files that save nothing, not only the largest; kRaw stands for all reasons that only
  /// samples tell.
  const std::map<LossReason, Totals>& by_reason() const { return by_reason_; }

 private:
  void judge(const CountedFile& file, UsageLoser& loser);
  void keep(UsageLoser loser);

  const std::size_t top_;
  StoreSettings& settings_;
  std::vector<UsageLoser> heap_;  // the smallest first
  std::map<LossReason, Totals> by_reason_;
};

/// "excluded", "one_block", ...: the names in JSON and CSV.
std::string reason_name(LossReason reason);
/// What it means, in a few words.
std::string reason_text(LossReason reason);

}  // namespace zstdfs::tools
