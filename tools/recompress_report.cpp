#include "tools/recompress_report.hpp"

#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/display.hpp"
#include "tools/json_output.hpp"

namespace zstdfs::tools {
namespace {

using Json = nlohmann::ordered_json;
using store::Recompression;

/// Why a file that was to be raw is not.
const char* reason_to_stay(Recompression outcome) {
  switch (outcome) {
    case Recompression::kLikeContainer:
      return "its content begins like a container, and would be taken for one";
    case Recompression::kMostlyHoles:
      return "it is mostly holes, which would be written out";
    default:
      return nullptr;
  }
}

Json to_json(const std::vector<std::pair<std::string, std::string>>& files, const char* what) {
  Json list = Json::array();
  for (const auto& [path, text] : files) list.push_back({{"path", path}, {what, text}});
  return list;
}

}  // namespace

void RecompressReport::add(const std::string& path, const store::RecompressionResult& result) {
  ++count(result.outcome);
  const bool done = result.outcome == Recompression::kDone;
  if (done && result.stored_bytes_after > result.stored_bytes_before) ++larger_;
  stored_bytes_before_ += result.stored_bytes_before;
  stored_bytes_after_ += result.stored_bytes_after;
  const char* const reason = options_.to_raw ? reason_to_stay(result.outcome) : nullptr;
  const bool text = options_.output == Output::kText;
  if (reason && !text) staying_.emplace_back(path, reason);
  if (!text || options_.talk == Talk::kQuiet) return;
  if (reason) {
    progress_.clear();
    std::cout << printable(path) << ": stays compressed: " << reason << std::endl;
  } else if (result.outcome == Recompression::kDone && options_.talk == Talk::kVerbose) {
    progress_.clear();
    std::cout << printable(path) << ": " << format_bytes(result.stored_bytes_before) << " -> "
              << (options_.dry_run ? "about " : "") << format_bytes(result.stored_bytes_after)
              << std::endl;  // whoever follows the output wants to see how far it is
  }
}

void RecompressReport::add_failure(const std::string& path, const std::string& why, Failure kind) {
  failures_.emplace_back(path, why);
  const bool again = kind == Failure::kNotAllowed && ++not_allowed_ > 1;
  if (again && options_.talk != Talk::kVerbose) return;
  progress_.clear();
  std::cerr << "zstdfs " << options_.command << ": " << printable(path) << ": " << why << '\n';
}

bool RecompressReport::all_well() const {
  const bool stays = options_.to_raw && (count(Recompression::kLikeContainer) > 0 ||
                                         count(Recompression::kMostlyHoles) > 0);
  return failures_.empty() && count(Recompression::kBusy) == 0 && !stays;
}

void RecompressReport::finish() {
  progress_.clear();
  if (not_allowed_ > 1 && options_.talk != Talk::kVerbose) {
    const std::uint64_t others = not_allowed_ - 1;
    std::cerr << "zstdfs " << options_.command << ": " << format_count(others)
              << (others == 1 ? " more was" : " more were") << " not allowed; --verbose names "
              << (others == 1 ? "it" : "them") << '\n';
  }
  if (options_.output == Output::kJson) {
    print_as_json();
  } else if (options_.talk != Talk::kQuiet) {
    print_text();
  }
}

void RecompressReport::print_text() const {
  const auto also = [](std::uint64_t number, const char* what) {
    if (number > 0) std::cout << ", " << format_count(number) << ' ' << what;
  };
  std::cout << (interrupted_ ? "Interrupted. " : "")
            << "Files: " << format_count(count(Recompression::kDone))
            << (options_.dry_run ? " would be changed, " : " changed, ")
            << format_count(count(Recompression::kAsWanted)) << " as wanted";
  also(count(Recompression::kNoGain), "without gain");
  also(count(Recompression::kLikeContainer) + count(Recompression::kMostlyHoles),
       "that cannot be raw");
  also(count(Recompression::kBusy), "busy");
  also(failures_.size(), "failed");
  std::cout << ".\nStored: " << format_bytes(stored_bytes_before_) << " before, "
            << (options_.dry_run ? "about " : "") << format_bytes(stored_bytes_after_) << " after";
  if (larger_ > 0 && !options_.to_raw) {
    std::cout << "; " << format_count(larger_) << (larger_ == 1 ? " file" : " files")
              << (options_.dry_run ? " would get larger" : " got larger");
  }
  std::cout << ".\n";
  if (options_.dry_run) {
    std::cout << "This is an estimate from samples; nothing was changed.\n";
  } else if (count(Recompression::kBusy) > 0) {
    std::cout << "Busy files were written all the time; run the command again for them.\n";
  } else if (interrupted_) {
    std::cout << "Run the command again for the rest.\n";
  }
}

void RecompressReport::print_as_json() const {
  const Json files = {{"changed", count(Recompression::kDone)},
                      {"larger", larger_},
                      {"as_wanted", count(Recompression::kAsWanted)},
                      {"no_gain", count(Recompression::kNoGain)},
                      {"like_container", count(Recompression::kLikeContainer)},
                      {"mostly_holes", count(Recompression::kMostlyHoles)},
                      {"busy", count(Recompression::kBusy)},
                      {"failed", failures_.size()}};
  print_json({{"estimate", options_.dry_run},
              {"interrupted", interrupted_},
              {"files", files},
              {"stored_bytes_before", stored_bytes_before_},
              {"stored_bytes_after", stored_bytes_after_},
              {"staying", to_json(staying_, "reason")},
              {"failures", to_json(failures_, "error")}});
}

}  // namespace zstdfs::tools
