#include "tools/fsck_report.hpp"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/command.hpp"
#include "tools/display.hpp"
#include "tools/json_output.hpp"

namespace zstdfs::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr auto kProgressInterval = std::chrono::milliseconds(200);

bool has_problem(const FileCheck& check) {
  return check.interrupted || !check.damage.empty() || !check.not_checked.empty();
}

Json to_json(const std::string& path, const FileCheck& check) {
  Json json = {{"path", path}, {"interrupted", check.interrupted}};
  json["damage"] = Json::array();
  for (const Finding& finding : check.damage) {
    Json one = {{"what", finding.what}};
    if (finding.stored_offset) one["stored_offset"] = *finding.stored_offset;
    json["damage"].push_back(std::move(one));
  }
  if (!check.not_checked.empty()) json["not_checked"] = check.not_checked;
  return json;
}

std::string plural(std::uint64_t count, const char* one, const char* many) {
  return format_count(count) + " " + (count == 1 ? one : many);
}

}  // namespace

bool FsckReport::first_name(const struct stat& status) {
  return status.st_nlink < 2 || linked_.emplace(status.st_dev, status.st_ino).second;
}

void FsckReport::add_file(const std::string& path, const FileCheck& check) {
  const MutexLock lock(mutex_);
  ++(check.form == Form::kContainer ? counts_.containers : counts_.raw);
  counts_.frames += check.frames;
  counts_.logical_bytes += check.logical_bytes;
  counts_.stored_bytes += check.stored_bytes;
  tell(path, check);
}

void FsckReport::add(const std::string& path, const FileCheck& check) {
  const MutexLock lock(mutex_);
  tell(path, check);
}

void FsckReport::tell(const std::string& path, const FileCheck& check) {
  if (!check.damage.empty()) ++damaged_;
  if (check.interrupted) ++interrupted_;
  if (!check.not_checked.empty()) ++not_checked_;
  const bool problem = has_problem(check);
  if (problem && options_.output == Output::kJson) problems_.push_back({path, check});
  if (options_.output == Output::kText && (problem || options_.verbose)) {
    wipe_progress();
    const std::string name = printable(path.empty() ? "." : path);
    for (const Finding& finding : check.damage) {
      std::cout << name << ": ";
      if (finding.stored_offset) std::cout << "stored offset " << *finding.stored_offset << ": ";
      std::cout << finding.what << '\n';
    }
    if (check.interrupted) {
      std::cout << name << ": a write was interrupted; the next mount repairs it\n";
    }
    if (!check.not_checked.empty()) {
      std::cout << name << ": not checked: " << check.not_checked << '\n';
    }
    if (!problem) {
      std::cout << name << ": ok, "
                << (check.form == Form::kRaw ? "raw" : plural(check.frames, "frame", "frames"))
                << '\n';
    }
  }
  show_progress();
}

void FsckReport::show_progress() {
  if (!options_.progress) return;
  const auto now = std::chrono::steady_clock::now();
  if (now < next_progress_) return;
  next_progress_ = now + kProgressInterval;
  progress_shown_ = true;
  std::cerr << '\r' << plural(counts_.containers + counts_.raw, "file", "files") << ", "
            << format_bytes(counts_.stored_bytes) << " checked\033[K" << std::flush;
}

void FsckReport::wipe_progress() {
  if (!progress_shown_) return;
  std::cerr << "\r\033[K" << std::flush;
  progress_shown_ = false;
}

void FsckReport::end_progress() {
  const MutexLock lock(mutex_);
  wipe_progress();
}

void FsckReport::finish(const std::string& store) {
  const MutexLock lock(mutex_);
  wipe_progress();
  if (options_.output == Output::kJson) {
    print_as_json(store);
  } else {
    print_text(store);
  }
}

void FsckReport::print_text(const std::string& store) {
  if (interrupted)
    std::cout << "The store was not unmounted cleanly; the next mount recovers it.\n";
  if (!journal.empty()) {
    std::cout << plural(journal.size(), "journal file is", "journal files are")
              << " pending; the next mount completes them.\n";
  }
  if (damaged_ > 0 && (interrupted || !journal.empty())) {
    std::cout << "Mount the store and unmount it again, then check again: what can be recovered "
                 "then is.\n";
  }
  std::cout << printable(store) << ": " << plural(counts_.containers, "container", "containers")
            << " with " << plural(counts_.frames, "frame", "frames") << " verified, "
            << plural(counts_.raw, "raw file", "raw files") << ", "
            << format_bytes(counts_.logical_bytes) << " in " << format_bytes(counts_.stored_bytes)
            << ": ";
  if (damaged_ == 0 && not_checked_ == 0) {
    std::cout << "clean";
  } else {
    std::cout << format_count(damaged_) << " damaged";
  }
  if (interrupted_ > 0) std::cout << ", " << format_count(interrupted_) << " interrupted";
  if (not_checked_ > 0) std::cout << ", " << format_count(not_checked_) << " not checked";
  std::cout << '\n';
}

void FsckReport::print_as_json(const std::string& store) {
  std::sort(problems_.begin(), problems_.end(),
            [](const Problem& a, const Problem& b) { return a.path < b.path; });
  Json json = {{"store", store},
               {"id", store_id},
               {"clean", damaged_ == 0 && not_checked_ == 0},
               {"unclean_unmount", interrupted},
               {"pending_journal_files", journal},
               {"containers", counts_.containers},
               {"raw_files", counts_.raw},
               {"frames_verified", counts_.frames},
               {"logical_bytes", counts_.logical_bytes},
               {"stored_bytes", counts_.stored_bytes},
               {"damaged", damaged_},
               {"interrupted", interrupted_},
               {"not_checked", not_checked_}};
  json["problems"] = Json::array();
  for (const Problem& problem : problems_) {
    json["problems"].push_back(to_json(problem.path, problem.check));
  }
  print_json(json);
}

int FsckReport::exit_code() const {
  const MutexLock lock(mutex_);
  int code = kExitOk;
  if (damaged_ > 0) code |= kFsckErrorsLeft;
  if (not_checked_ > 0) code |= kFsckOperational;
  return code;
}

}  // namespace zstdfs::tools
