#include "tools/fsck_report.hpp"

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/command.hpp"
#include "tools/display.hpp"
#include "tools/fsck_words.hpp"
#include "tools/json_output.hpp"

namespace zstdfs::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr auto kProgressInterval = std::chrono::milliseconds(200);

bool has_problem(const FileCheck& check) {
  return check.interrupted || !check.damage.empty() || !check.whole_file_checked();
}

std::string why_not_checked(const FileCheck& check) {
  std::string text = check.not_checked;
  for (const auto& [id, why] : check.missing_dictionaries) text += (text.empty() ? "" : "; ") + why;
  return text;
}

Json to_json(const std::string& path, const FileCheck& check) {
  Json json = {{"path", path}, {"interrupted", check.interrupted}};
  json["damage"] = Json::array();
  for (const Finding& finding : check.damage) {
    Json one = {{"what", finding.what}};
    if (finding.stored_offset) one["stored_offset"] = *finding.stored_offset;
    json["damage"].push_back(std::move(one));
  }
  if (!check.whole_file_checked()) json["not_checked"] = why_not_checked(check);
  return json;
}

std::string plural(std::uint64_t count, const char* one, const char* many) {
  return format_count(count) + " " + (count == 1 ? one : many);
}

}  // namespace

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
  if (!check.whole_file_checked()) ++not_checked_;
  for (const auto& [id, why] : check.missing_dictionaries) {
    MissingDictionary& missing = missing_[id];
    if (++missing.files == 1 || path < missing.first_file) missing.first_file = path;
    missing.why = why;
  }
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
    // A dictionary is named at the end: all files that need it miss it.
    const std::string why = options_.verbose ? why_not_checked(check) : check.not_checked;
    if (!why.empty()) std::cout << name << ": not checked: " << why << '\n';
    if (!problem) {
      std::cout << name << ": ok, "
                << (check.form == Form::kRaw ? "raw" : plural(check.frames, "frame", "frames"))
                << '\n';
    }
  }
  show_progress();
}

void FsckReport::say(const std::string& line) {
  if (options_.output != Output::kText) return;
  wipe_progress();
  std::cout << line << '\n';
}

void FsckReport::add_store(const store::StoreInspection& inspection) {
  const MutexLock lock(mutex_);
  store_ = inspection;
  for (const store::StoreFinding& finding : inspection.findings) {
    const bool wrong = finding.kind == store::StoreFinding::Kind::kDamaged ||
                       finding.kind == store::StoreFinding::Kind::kForeign;
    std::string what = finding.what;
    if (!finding.target.empty()) what += " (" + printable(finding.target) + ")";
    if (!wrong) {
      say(printable(finding.path) + ": " + what);
      continue;
    }
    FileCheck check;
    check.damage.push_back({std::nullopt, what});
    tell(finding.path, check);
  }
}

void FsckReport::add_action(const store::RepairAction& action) {
  const MutexLock lock(mutex_);
  if (action.kind == store::RepairAction::Kind::kRefused) {
    ++refused_;
  } else if (action.kind != store::RepairAction::Kind::kFinished) {
    ++corrected_;
  }
  say(describe(action, options_.mode == Mode::kDryRun ? Tense::kWould : Tense::kDid));
  actions_.push_back(action);
}

void FsckReport::add_recovered(const std::string& text) {
  const MutexLock lock(mutex_);
  say("recovery: " + printable(text));
  recovered_.push_back(text);
}

void FsckReport::set_left(std::uint64_t errors) {
  const MutexLock lock(mutex_);
  left_ = errors;
}

void FsckReport::set_all_left() {
  const MutexLock lock(mutex_);
  left_ = damaged_;
}

bool FsckReport::has_repaired() const {
  const MutexLock lock(mutex_);
  return options_.mode == Mode::kRepair && corrected_ > 0;
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

std::string FsckReport::verdict() const {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (damaged_ == 0 && not_checked_ == 0 && corrected_ == 0) {
    add("clean");
  } else {
    add(format_count(damaged_) + " damaged");
  }
  if (interrupted_ > 0) add(format_count(interrupted_) + " interrupted");
  if (not_checked_ > 0) add(format_count(not_checked_) + " not checked");
  if (options_.mode == Mode::kCheck) return text;
  const bool would = options_.mode == Mode::kDryRun;
  add(plural(corrected_, "repair", "repairs") + (would ? " to be made" : " made"));
  if (refused_ > 0) add(format_count(refused_) + " not possible");
  if (left_ > 0) add(plural(left_, "error", "errors") + " left");
  return text;
}

void FsckReport::print_missing_dictionaries() const {
  for (const auto& [id, missing] : missing_) {
    std::cout << missing.why << "; without it " << plural(missing.files, "file was", "files were")
              << " not checked (" << printable(missing.first_file)
              << (missing.files == 1 ? ")\n" : " and others)\n");
  }
}

void FsckReport::print_text(const std::string& store) {
  print_missing_dictionaries();
  if (options_.mode == Mode::kCheck) {
    if (store_.interrupted) {
      std::cout << "The store was not unmounted cleanly; the next mount recovers it.\n";
    }
    if (!store_.journal.empty()) {
      std::cout << plural(store_.journal.size(), "journal file is", "journal files are")
                << " pending; the next mount completes them.\n";
    }
    if (damaged_ > 0) {
      std::cout
          << "Once the store is unmounted, \"zstdfs fsck --repair --dry-run\" says what can be "
             "salvaged.\n";
    }
  }
  std::cout << printable(store) << ": " << plural(counts_.containers, "container", "containers")
            << " with " << plural(counts_.frames, "frame", "frames") << " verified, "
            << plural(counts_.raw, "raw file", "raw files") << ", "
            << format_bytes(counts_.logical_bytes) << " in " << format_bytes(counts_.stored_bytes)
            << ": " << verdict() << '\n';
}

void FsckReport::print_as_json(const std::string& store) {
  std::sort(problems_.begin(), problems_.end(),
            [](const Problem& a, const Problem& b) { return a.path < b.path; });
  Json json = {{"store", store},
               {"id", store_.id},
               {"clean", damaged_ == 0 && not_checked_ == 0},
               {"unclean_unmount", store_.interrupted},
               {"pending_journal_files", store_.journal},
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
  json["missing_dictionaries"] = Json::array();
  for (const auto& [id, missing] : missing_) {
    json["missing_dictionaries"].push_back(
        {{"id", id}, {"files", missing.files}, {"first_file", missing.first_file}});
  }
  json["store_findings"] = Json::array();
  for (const store::StoreFinding& finding : store_.findings) {
    json["store_findings"].push_back(to_json(finding));
  }
  if (options_.mode != Mode::kCheck) {
    json["dry_run"] = options_.mode == Mode::kDryRun;
    json["repairs"] = Json::array();
    for (const store::RepairAction& action : actions_) json["repairs"].push_back(to_json(action));
    json["recovery"] = recovered_;
    json["errors_left"] = left_;
  }
  print_json(json);
}

int FsckReport::exit_code() const {
  const MutexLock lock(mutex_);
  int code = kExitOk;
  if (options_.mode == Mode::kRepair) {
    if (corrected_ > 0) code |= kFsckCorrected;
    if (left_ > 0 || refused_ > 0) code |= kFsckErrorsLeft;
  } else if (damaged_ > 0) {
    code |= kFsckErrorsLeft;
  }
  if (not_checked_ > 0) code |= kFsckOperational;
  return code;
}

}  // namespace zstdfs::tools
