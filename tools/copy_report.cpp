#include "tools/copy_report.hpp"

#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/display.hpp"
#include "tools/json_output.hpp"

namespace zstdfs::tools {

using Json = nlohmann::ordered_json;

void CopyReport::add(Kind kind, std::uint64_t bytes) {
  const MutexLock lock(mutex_);
  ++counts_[static_cast<std::size_t>(kind)];
  bytes_ += bytes;
}

void CopyReport::add_failure(const std::string& path, const std::string& why) {
  progress_.clear();
  const MutexLock lock(mutex_);
  std::cerr << "zstdfs " << command_ << ": " << printable(path) << ": " << why << '\n';
  failures_.emplace_back(path, why);
}

void CopyReport::warn(const std::string& what) {
  progress_.clear();
  const MutexLock lock(mutex_);
  std::cerr << "zstdfs " << command_ << ": " << what << '\n';
}

bool CopyReport::failed() const {
  const MutexLock lock(mutex_);
  return !failures_.empty();
}

void CopyReport::print_text(const End& end) const {
  const MutexLock lock(mutex_);
  const auto also = [](std::uint64_t number, const char* what) {
    if (number > 0) std::cout << ", " << format_count(number) << ' ' << what;
  };
  std::cout << (end.interrupted ? "Interrupted. " : "")
            << "Copied: " << format_count(count(Kind::kFile)) << " files (" << format_bytes(bytes_)
            << (end.verified ? ", verified), " : "), ") << format_count(count(Kind::kDirectory))
            << " directories";
  also(count(Kind::kSymlink), "symbolic links");
  also(count(Kind::kLink), "hard links");
  also(count(Kind::kNode), "devices, pipes and sockets");
  std::cout << ".\n";
  if (count(Kind::kSkipped) > 0) {
    std::cout << "There already: " << format_count(count(Kind::kSkipped)) << ".\n";
  }
  if (!failures_.empty()) std::cout << "Failed: " << format_count(failures_.size()) << ".\n";
  if (end.interrupted) std::cout << "Run the command again with --update for the rest.\n";
}

void CopyReport::print_as_json(const End& end) const {
  const MutexLock lock(mutex_);
  Json failures = Json::array();
  for (const auto& [path, why] : failures_) failures.push_back({{"path", path}, {"error", why}});
  print_json({{"interrupted", end.interrupted},
              {"verified", end.verified},
              {"files", count(Kind::kFile)},
              {"logical_bytes", bytes_},
              {"directories", count(Kind::kDirectory)},
              {"symbolic_links", count(Kind::kSymlink)},
              {"hard_links", count(Kind::kLink)},
              {"nodes", count(Kind::kNode)},
              {"skipped", count(Kind::kSkipped)},
              {"failures", failures}});
}

}  // namespace zstdfs::tools
