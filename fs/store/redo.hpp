#pragma once

#include <memory>
#include <utility>

#include "fs/store/journal_codec.hpp"
#include "fs/store/redo_map.hpp"

namespace zstdfs::store {

/// Writes to a backing file that must happen all or not at all, although they go over bytes that
/// were promised to be kept: they are first written here and synced, then applied, and can be
/// applied again after a crash until the redo file is removed.
///
/// Thread safety: one thread at a time. Errors: std::system_error. Until finish() returns nothing
/// has happened to the target; destroying the writer before removes the file.
class RedoWriter {
 public:
  RedoWriter(Journal& journal, const JournalTarget& target);
  ~RedoWriter();
  RedoWriter(const RedoWriter&) = delete;
  RedoWriter& operator=(const RedoWriter&) = delete;

  /// The target gets `bytes` at `stored_offset`. Runs that follow each other become one record;
  /// none goes over another.
  void add(std::uint64_t stored_offset, ByteSpan bytes);
  /// The target's size and modification time at the end. Reserves the space that the rewrite takes
  /// beyond the target's end, makes the redo file durable and returns its name; it stays until
  /// somebody removes it.
  std::string finish(os::File& target, std::uint64_t target_bytes, const timespec& modified);
  /// What the redo file holds, after finish().
  std::uint64_t bytes() const { return end_; }
  /// Where in the redo file the bytes lie. Once, after finish().
  RedoMap take_map() { return std::move(map_); }

 private:
  void write_record();

  Journal& journal_;
  std::string name_;
  std::unique_ptr<os::File> file_;
  std::uint64_t nonce_;
  std::uint64_t end_ = 0;
  std::uint64_t records_ = 0;
  std::uint64_t reached_ = 0;        // the end of what lies farthest behind in the target
  std::uint64_t record_offset_ = 0;  // of the run that is being gathered, in the target
  Bytes run_;
  RedoMap map_;
  bool finishing_ = false;
  bool finished_ = false;
};

/// A whole redo file.
struct RedoContent {
  JournalHead head;
  std::uint64_t records_offset = 0;
  std::uint64_t records = 0;
  std::uint64_t target_bytes = 0;
  timespec modified{};
};

/// Verifies a redo file from end to end. Nothing when it is not whole: then nothing of it was
/// applied. Throws NewerFormatError, std::system_error.
std::optional<RedoContent> read_redo(const os::File& redo);

/// Whether a file that read_redo finds not whole looks as one does whose writing was interrupted.
/// Otherwise it was whole once, or is something else.
bool looks_unfinished(const os::File& redo);

/// The name of a whole redo file that is for the file of this identity; nothing when there is none.
/// Throws NewerFormatError, std::system_error.
std::optional<std::string> find_redo(Journal& journal, const std::string& identity);

struct OpenRedo {
  std::unique_ptr<os::File> file;
  RedoContent content;
};
/// As above for one that has to be there and whole. Throws also CorruptError, EIO.
OpenRedo open_redo(Journal& journal, const std::string& name);

/// Makes sure that there is room for `target_bytes` of the target: where it grows, and in its
/// holes. Changes no content.
void reserve(os::File& target, std::uint64_t target_bytes);

/// Has the kernel take new pages where the redo file will be applied: a sync of an earlier process
/// that failed may have left some that are never brought to the disk (os::write_again).
void renew_pages(const os::File& redo, const RedoContent& content, os::File& target);

/// Applies a redo file that read_redo found whole, for whose target space was reserved. May be
/// called again. After an error the target is neither old nor new: apply again. Does not sync the
/// target.
void apply_redo(const os::File& redo, const RedoContent& content, os::File& target);

}  // namespace zstdfs::store
