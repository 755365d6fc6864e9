#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>

#include "fs/store/container_rewriter.hpp"
#include "fs/store/recovery.hpp"
#include "fs/store/redo.hpp"
#include "fs/store/repair.hpp"
#include "fs/store/seal.hpp"
#include "fs/store/wrapping.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/frame_codec.hpp"

// Repairs of single files. All changes of a stored file go through a redo file.

namespace zstdfs::store {
namespace {

using Kind = RepairAction::Kind;

constexpr const char* kDamagedSuffix = ".damaged";
constexpr const char* kReportSuffix = ".report";

bool is_in_lost_and_found(const std::string& path) {
  return path.starts_with(std::string(kLostAndFound) + "/");
}

std::string quoted(const std::string& path) {
  return nlohmann::json(path).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string intact_text(const SalvagePlan& plan) {
  return std::to_string(plan.intact_frames) +
         (plan.intact_frames == 1 ? " frame is intact" : " frames are intact");
}

NewFrame compressed_again(const os::File& file, const FrameEntry& frame, int level,
                          const DictionarySource& dictionaries) {
  Bytes content(frame.logical_bytes);
  read_frame(file, frame, content, dictionaries);
  return {frame.logical_bytes, frame.checksum, FrameEncoder().encode(content, level)};
}

/// Writes the rebuilt container to a redo file. Returns its stored bytes.
std::uint64_t write_rebuilt(const os::File& file, const SalvagePlan& plan,
                            const DictionarySource& dictionaries, RedoWriter& redo) {
  ContainerRewriter rewriter(file, redo);
  for (const SalvagePlan::Part& part : plan.parts) {
    if (part.frame && part.ill_formed) {
      rewriter.add(compressed_again(file, *part.frame, plan.header.level, dictionaries));
    } else if (part.frame) {
      rewriter.keep(*part.frame, part.gap);
    } else {
      rewriter.add_zeros(part.logical_bytes);
    }
  }
  ContainerHeader header = plan.header;
  const FrameIndex& index = rewriter.index();
  const Bytes table = seal(header, index, index.frames_end());
  redo.add(index.frames_end(), table);
  redo.add(0, encode_container_header(header));
  return header.stored_bytes;
}

std::string describe_owner(const struct stat& status) {
  std::ostringstream text;
  text << "Owner " << status.st_uid << ", group " << status.st_gid << ", mode 0" << std::oct
       << (status.st_mode & 07777u) << std::dec << ", inode " << status.st_ino << ", "
       << status.st_size << " stored bytes.\n";
  return text.str();
}

std::string how_to_read(const std::string& name) {
  return "The damaged file is kept as " + quoted(name) +
         ". Through a mount its content is the damaged file, byte for byte; without one,\n"
         "zstd -dc gives it.\n";
}

std::string report_of(const std::string& path, const struct stat& status, const SalvagePlan& plan,
                      bool has_log, const std::string& name) {
  std::ostringstream text;
  text << quoted(path) << " was damaged. What is intact was salvaged, and is where it was.\n"
       << describe_owner(status);
  for (const ByteRange& range : plan.lost()) {
    text << "Lost: bytes " << range.offset << " to " << range.end() - 1 << " (" << range.bytes
         << "), which read as zeros now.\n";
  }
  if (plan.end_unknown) {
    text << "Whether there was more behind byte " << plan.logical_bytes() << " is not known.\n";
  }
  if (has_log) text << "Newer changes, which were in the journal, are laid over all this.\n";
  text << how_to_read(name);
  return text.str();
}

}  // namespace

void StoreRepair::repair_file(const std::string& path) {
  attempt(path, [&] {
    const auto mode = dry_run() ? os::OpenMode::kRead : os::OpenMode::kReadWrite;
    const auto file = volume_.open(path, mode);
    if (!file || !is_or_was_container(*file, dictionaries_)) return;
    const SalvagePlan plan = plan_salvage(*file, dictionaries_);
    if (plan.whole) return;
    if (!dry_run()) refuse_if_being_rewritten(*file);
    const bool ours = is_in_lost_and_found(path) && path.ends_with(kDamagedSuffix);
    // With changes in the journal, something of it is left after all.
    const bool gone = plan.nothing_left && (plan.end_unknown || !has_log(*file));
    if (gone || ours) {
      move_away(path, *file);
    } else if (plan.lost().empty() && !plan.discards) {
      rebuild(path, *file, plan);
    } else {
      salvage(path, *file, plan);
    }
  });
}

void StoreRepair::rebuild(const std::string& path, os::File& file, const SalvagePlan& plan) {
  if (!dry_run()) {
    Journal journal(volume_);
    RedoWriter redo(journal, {file.identity(), path});
    const std::uint64_t bytes = write_rebuilt(file, plan, dictionaries_, redo);
    finish_rewrite(redo.finish(file, bytes, file.stat().st_mtim), file);
  }
  told_({Kind::kRebuilt, path, intact_text(plan)});
}

void StoreRepair::salvage(const std::string& path, os::File& file, const SalvagePlan& plan) {
  lost_and_found_.check();
  const struct stat status = file.stat();
  const bool logged = has_log(file);
  bool fresh = true;
  const std::string name =
      lost_and_found_.name_for(path, status.st_ino, kDamagedSuffix, [&](const std::string& there) {
        // An interrupted repair may have kept it already.
        const auto copy = volume_.open(there, os::OpenMode::kRead);
        fresh = !copy || !holds_wrapped(*copy, file);
        return !fresh;
      });
  if (!dry_run()) {
    Journal journal(volume_);
    RedoWriter redo(journal, {file.identity(), path});
    const std::uint64_t bytes = write_rebuilt(file, plan, dictionaries_, redo);
    std::string redo_name;
    try {
      lost_and_found_.write_report(name + kReportSuffix,
                                   report_of(path, status, plan, logged, name));
      lost_and_found_.keep_copy(file, name);
      redo_name = redo.finish(file, bytes, status.st_mtim);
    } catch (const std::system_error&) {
      if (fresh) {
        lost_and_found_.drop(name);
        lost_and_found_.drop(name + kReportSuffix);
      }
      throw;
    }
    finish_rewrite(redo_name, file);
  }
  told_({Kind::kSalvaged, path,
         intact_text(plan) + (logged ? ", and changes in the journal are laid over" : ""),
         LostAndFound::path_of(name), plan.lost(), plan.end_unknown});
}

std::vector<std::string> StoreRepair::names_of(const std::string& path, const struct stat& status) {
  if (status.st_nlink < 2) return {path};
  std::vector<std::string> names;
  for_each_file(volume_, [&](const std::string& name, const struct stat& other) {
    if (other.st_dev == status.st_dev && other.st_ino == status.st_ino) names.push_back(name);
  });
  // One that stayed would show the damaged bytes as content.
  if (names.size() != status.st_nlink) {
    throw RepairRefused("it has " + std::to_string(status.st_nlink) + " names, of which only " +
                        std::to_string(names.size()) + " can be found in the store");
  }
  return names;
}

/// All its names go, and then it becomes a container of its own damaged bytes: in this order, so
/// that nobody ever reads those where the file was.
void StoreRepair::move_away(const std::string& path, os::File& file) {
  lost_and_found_.check();
  const struct stat status = file.stat();
  std::vector<std::pair<std::string, std::string>> moves;  // from where, under which name
  std::string first_name = path.substr(path.rfind('/') + 1);
  for (const std::string& from : names_of(path, status)) {
    if (is_in_lost_and_found(from) && from.ends_with(kDamagedSuffix)) continue;
    std::string name = lost_and_found_.name_for(from, status.st_ino, kDamagedSuffix,
                                                [](const std::string&) { return false; });
    // Two names may make the same one.
    while (std::ranges::any_of(moves, [&](const auto& move) { return move.second == name; })) {
      name.insert(name.size() - std::string_view(kDamagedSuffix).size(), "+");
    }
    moves.emplace_back(from, std::move(name));
  }
  if (!moves.empty()) first_name = moves.front().second;
  if (!dry_run()) {
    Journal journal(volume_);
    RedoWriter redo(journal, {file.identity(), LostAndFound::path_of(first_name)});
    const std::uint64_t bytes = write_wrapped(
        file, random_nonce(), [&](std::uint64_t offset, ByteSpan part) { redo.add(offset, part); });
    std::size_t moved = 0;
    std::string redo_name;
    try {
      lost_and_found_.write_report(
          first_name + kReportSuffix,
          quoted(path) + " was damaged, and nothing of it can be put in its place.\n" +
              describe_owner(status) + how_to_read(first_name));
      for (; moved < moves.size(); ++moved) {
        lost_and_found_.take(moves[moved].first, moves[moved].second);
      }
      redo_name = redo.finish(file, bytes, status.st_mtim);
    } catch (const std::system_error&) {
      for (std::size_t i = 0; i < moved; ++i) {
        lost_and_found_.give_back(moves[i].second, moves[i].first);
      }
      lost_and_found_.drop(first_name + kReportSuffix);
      throw;
    }
    finish_rewrite(redo_name, file);
  }
  const std::string kept_as = LostAndFound::path_of(first_name);
  for (const auto& [from, name] : moves) {
    moved_.insert({from, LostAndFound::path_of(name)});
    told_(
        {Kind::kMoved, from, "nothing of it can be put in its place", LostAndFound::path_of(name)});
  }
  if (moves.empty()) told_({Kind::kRebuilt, path, "kept as it is, damaged"});
}

}  // namespace zstdfs::store
