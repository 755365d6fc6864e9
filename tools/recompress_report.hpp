#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "fs/store/recompression.hpp"
#include "tools/progress.hpp"

namespace zstdfs::tools {

/// Gathers what became of files that were to be stored anew, and tells it: as text, or as one JSON
/// object at the end.
class RecompressReport {
 public:
  enum class Output { kText, kJson };
  enum class Talk {
    kQuiet,    ///< errors alone
    kNormal,   ///< and the summary
    kVerbose,  ///< and every file that is changed
  };
  struct Options {
    std::string command;  ///< "recompress" or "decompress", for messages
    Output output = Output::kText;
    Talk talk = Talk::kNormal;
    bool dry_run = false;
    /// Raw was asked for, so that it is said of each file why it cannot be.
    bool to_raw = false;
  };
  /// `progress` outlives it.
  RecompressReport(Options options, Progress& progress)
      : options_(std::move(options)), progress_(progress) {}

  void add(const std::string& path, const store::RecompressionResult& result);
  enum class Failure {
    kOther,
    kNotAllowed,  ///< named once, then counted: a user meets it in every file of others
  };
  /// Something that could not be done, and why.
  void add_failure(const std::string& path, const std::string& why, Failure kind = Failure::kOther);
  void set_interrupted() { interrupted_ = true; }

  /// Prints the summary, or the JSON object.
  void finish();
  /// Whether everything is as it was asked for.
  bool all_well() const;

 private:
  static constexpr std::size_t kOutcomes = 6;

  std::uint64_t& count(store::Recompression outcome) {
    return counts_[static_cast<std::size_t>(outcome)];
  }
  std::uint64_t count(store::Recompression outcome) const {
    return counts_[static_cast<std::size_t>(outcome)];
  }
  void print_text() const;
  void print_as_json() const;

  const Options options_;
  Progress& progress_;
  std::array<std::uint64_t, kOutcomes> counts_{};
  std::uint64_t stored_bytes_before_ = 0;
  std::uint64_t stored_bytes_after_ = 0;
  std::vector<std::pair<std::string, std::string>> staying_;  // path and reason, for JSON
  std::vector<std::pair<std::string, std::string>> failures_;
  std::uint64_t larger_ = 0;       // of those that were changed
  std::uint64_t not_allowed_ = 0;  // of the failures
  bool interrupted_ = false;
};

}  // namespace zstdfs::tools
