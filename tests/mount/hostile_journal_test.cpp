// Journals that somebody made up, or that belong to something else: what they say is done only
// where it can be, in the store and to the file that they are for.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "fs/os/posix.hpp"
#include "fs/store/journal_codec.hpp"
#include "tests/mount/hostile_fixture.hpp"
#include "tests/mount/small_disk.hpp"
#include "tests/patterns.hpp"
#include "zstdfs/container_header.hpp"

namespace zstdfs::mounttest {
namespace {

namespace fs = std::filesystem;
using store::JournalHead;
using store::JournalKind;
using test::bytes_of;

constexpr std::uint64_t kNonce = 12345;
constexpr std::uint64_t kFar = std::uint64_t{1} << 62;

std::string identity_of(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  check(fd, path);
  return os::make_posix_file(os::UniqueFd(fd))->identity();
}

void append(Bytes& out, ByteSpan bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void append_hash(Bytes& record) {
  append_le(record, store::journal_hash(kNonce, record));
}

// docs/format.md, "Write log".
struct Piece {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  Bytes data;
};

struct Batch {
  std::uint64_t lowest_bytes = 0;
  std::uint64_t logical_bytes = 0;
  std::uint64_t base_bytes = 0;
  std::vector<Piece> pieces;
  std::uint64_t more_pieces = 0;  // than there are
  std::uint64_t more_bytes = 0;

  Bytes encoded(std::uint64_t number) const {
    Bytes out;
    append_le(out, std::uint32_t{0x4261736C});
    append_le(out, static_cast<std::uint32_t>(pieces.size() + more_pieces));
    append_le(out, std::uint64_t{0});
    for (const std::uint64_t value : {number, lowest_bytes, logical_bytes, base_bytes}) {
      append_le(out, value);
    }
    for (const Piece& piece : pieces) {
      append_le(out, piece.offset);
      append_le(out, piece.bytes);
      append_le(out, std::uint32_t{piece.data.empty() ? 0u : 1u});
      append_le(out, std::uint32_t{0});
      append(out, piece.data);
    }
    store_le(MutableByteSpan(out), 8, std::uint64_t{out.size() + 8 + more_bytes});
    append_hash(out);
    return out;
  }
};

// docs/format.md, "Redo file".
struct Record {
  std::uint64_t offset = 0;
  Bytes data;
};

struct Redo {
  std::vector<Record> records;
  std::uint64_t target_bytes = 0;
  std::uint32_t nanoseconds = 0;
  std::uint64_t more_records = 0;  // than there are

  Bytes encoded(const JournalHead& head) const {
    Bytes out = encode_journal_head(JournalKind::kRedo, head);
    std::uint64_t number = 0;
    for (const Record& record : records) {
      Bytes part;
      append_le(part, std::uint32_t{0x6F646552});
      append_le(part, std::uint32_t{0});
      append_le(part, number++);
      append_le(part, record.offset);
      append_le(part, std::uint64_t{record.data.size()});
      append_le(part, store::journal_hash(kNonce, record.data));
      append_hash(part);
      append(out, part);
      append(out, record.data);
    }
    Bytes end;
    append_le(end, std::uint32_t{0x646E6552});
    append_le(end, std::uint32_t{0});
    append_le(end, number + more_records);
    append_le(end, target_bytes);
    append_le(end, std::int64_t{1000000000});
    append_le(end, nanoseconds);
    append_hash(end);
    append(out, end);
    return out;
  }
};

class HostileJournal : public HostileTest {
 protected:
  HostileJournal() {
    stored_ = read_file(store_.backing("f"));
    header_ = *decode_container_header(stored_);
    restore();
  }

  /// Puts back what a test may have changed.
  void restore() {
    const Fd fd = open_file(store_.backing("f"), O_WRONLY);  // the same inode
    check(::ftruncate(fd.get(), 0), "ftruncate");
    write_all(fd.get(), stored_);
    fs::remove_all(store_.backing(".zstdfs/journal"));
    fs::create_directory(store_.backing(".zstdfs/journal"));
  }

  JournalHead head(const std::string& path, const std::string& hint) const {
    return {{identity_of(path), hint}, header_.generation, kNonce};
  }
  JournalHead head_of_f() const { return head(store_.backing("f"), "f"); }

  void plant(const std::string& name, const Bytes& bytes) {
    write_file(store_.backing(".zstdfs/journal/" + name), bytes);
  }
  void plant_log(const JournalHead& head, const std::vector<Batch>& batches,
                 const std::string& name = "1.log") {
    Bytes out = encode_journal_head(JournalKind::kWriteLog, head);
    for (std::size_t i = 0; i < batches.size(); ++i) append(out, batches[i].encoded(i));
    plant(name, out);
  }

  /// Mounts and expects this content of `f`, then restores everything.
  void expect_content(const Bytes& wanted) {
    expect_served([&] { EXPECT_EQ(difference(read_file(store_.path("f")), wanted), ""); });
    restore();
  }
  void expect_without_effect() { expect_content(content_); }

  Bytes stored_;
  ContainerHeader header_;
};

// What the tests below make up would be done if it were true.
TEST_F(HostileJournal, HonestOnesAreTakenUp) {
  const Bytes wanted = test::overwritten(content_, 1000, bytes_of("changed"));
  const std::uint64_t size = content_.size();
  plant_log(head_of_f(), {{size, size, size, {{1000, 7, bytes_of("changed")}}}});
  expect_content(wanted);
  plant("1.redo", Redo{{{0, bytes_of("all new")}}, 7}.encoded(head_of_f()));
  expect_content(bytes_of("all new"));
}

TEST_F(HostileJournal, LogsWithSizesThatLie) {
  const std::uint64_t size = content_.size();
  const Bytes x = bytes_of("x");
  const std::vector<Batch> lies = {
      {size, kFar * 2 + 5, size, {}},
      {size, kFar, size, {}},
      {size, header_.chunk_bytes * (std::uint64_t{1} << 26) + 1, size, {}},
      {size, size, size, {{kFar, 1, x}}},
      {size, size, size, {{~std::uint64_t{0}, 1, x}}},
      {size, size, size, {{0, kFar, {}}}},
      {size, size, size, {{size, 1, {}}}},
      {size, size, kFar, {{0, 1, x}}},
      {size, size, 1, {{0, 1, x}}},
      {size, size, 0, {{0, 1, x}}},
      {size, size, 0, {}},
      {size, size, size, {{0, 1, x}}, /*more_pieces=*/0xFFFFFFFE},
      {size, size, size, {{0, 1, x}}, 0, /*more_bytes=*/1u << 20},
      {size, size, size, {{0, 1, x}}, 0, /*more_bytes=*/kFar},
  };
  // All at once: each would show by itself.
  for (std::size_t i = 0; i < lies.size(); ++i) {
    plant_log(head_of_f(), {lies[i]}, std::to_string(i) + ".log");
  }
  expect_without_effect();
}

TEST_F(HostileJournal, LogsThatContradictThemselves) {
  const std::uint64_t size = content_.size();
  // A size below what the frames are said to hold, and pieces over each other: the last one holds.
  plant_log(head_of_f(), {{kFar, 10, size, {}}});
  expect_content(Bytes(content_.begin(), content_.begin() + 10));
  plant_log(head_of_f(), {{kFar, 10, size, {}}, {kFar, size, size, {}}});
  expect_served([&] { EXPECT_EQ(read_file(store_.path("f")).size(), size); });
  restore();
  plant_log(head_of_f(), {{size, size, size, {{5, 3, bytes_of("aaa")}, {6, 3, bytes_of("bbb")}}}});
  expect_content(test::overwritten(content_, 5, bytes_of("abbb")));
  // Twice the same.
  plant_log(head_of_f(), {{size, size, size, {{5, 3, bytes_of("aaa")}}}});
  fs::copy_file(store_.backing(".zstdfs/journal/1.log"), store_.backing(".zstdfs/journal/2.log"));
  expect_content(test::overwritten(content_, 5, bytes_of("aaa")));
}

TEST_F(HostileJournal, RedoFilesWithSizesThatLie) {
  const Bytes x = bytes_of("x");
  const std::vector<Redo> lies = {
      {{{0, x}}, 0},
      {{{0, x}}, 2},
      {{{0, x}}, kFar},
      {{{0, x}}, ~std::uint64_t{0}},
      {{{kFar, x}}, kFar + 1},  // set aside: no file is that large
      {{{2 * kFar, x}}, 2 * kFar + 1},
      {{{~std::uint64_t{0}, x}}, 0},
      {{{0, x}}, 1, /*nanoseconds=*/4000000000},
      {{{0, x}}, 1, 0, /*more_records=*/1},
      {{{0, x}}, 1, 0, ~std::uint64_t{0}},
      {{}, kFar},
  };
  for (std::size_t i = 0; i < lies.size(); ++i) {
    plant(std::to_string(i) + ".redo", lies[i].encoded(head_of_f()));
  }
  expect_without_effect();
}

TEST_F(HostileJournal, OfSomethingElse) {
  const std::uint64_t size = content_.size();
  write_file(store_.backing("raw"), bytes_of("raw"));
  fs::create_symlink(outside_ / "file", store_.backing("link"));
  const std::string own = store_.backing(".zstdfs/store.json");
  const Bytes own_content = read_file(own);
  const JournalHead heads[] = {head(outside_ / "file", "../outside"),
                               head(outside_ / "file", outside_ / "file"),
                               head(outside_ / "file", "link"),
                               head(store_.backing("d"), "d"),
                               head(store_.backing(), ""),
                               head(own, ".zstdfs/store.json"),
                               head(own, "./.zstdfs/store.json"),
                               head(own, "d/../.zstdfs/store.json"),
                               head(own, ".zstdfs//store.json"),
                               {{"", ""}, header_.generation, kNonce},
                               {{"h", "f"}, header_.generation - 1, kNonce}};
  int number = 0;
  for (const JournalHead& other : heads) {
    plant(std::to_string(++number) + ".redo", Redo{{{0, bytes_of("all new")}}, 7}.encoded(other));
    plant_log(other, {{size, size, size, {{0, 1, bytes_of("x")}}}},
              std::to_string(++number) + ".log");
  }
  expect_without_effect();
  EXPECT_EQ(read_file(own), own_content);
  // For a file that is no container, and for a container that was rewritten since.
  plant_log(head(store_.backing("raw"), "raw"), {{3, 3, 3, {{0, 1, bytes_of("x")}}}});
  expect_without_effect();
  EXPECT_EQ(read_file(store_.backing("raw")), bytes_of("raw"));
  JournalHead older = head_of_f();
  --older.generation;
  plant_log(older, {{size, size, size, {{0, 1, bytes_of("x")}}}});
  expect_without_effect();
}

TEST_F(HostileJournal, OfANewerVersionAreRefused) {
  Bytes log = encode_journal_head(JournalKind::kWriteLog, head_of_f());
  log[4] = std::byte{2};
  plant("7.log", log);
  expect_refused("7.log");
}

// The disk is not filled for it either.
TEST(HostileJournalOnASmallDisk, ARewriteThatThereIsNoRoomForIsRefused) {
  const SmallDisk disk("24");
  MountedStore store({}, disk.path());
  write_file(store.path("f"), test::compressible_bytes(600000, 1));
  store.unmount();
  const auto space = fs::space(disk.path()).available;
  const std::uint64_t offset = 1u << 30;
  const JournalHead head{{identity_of(disk / "f"), "f"}, 0, kNonce};
  write_file(disk / ".zstdfs/journal/1.redo",
             Redo{{{offset, bytes_of("x")}}, offset + 1}.encoded(head));
  EXPECT_THROW(store.mount(), std::runtime_error);
  EXPECT_NE(store.log().find("1.redo"), std::string::npos) << store.log();
  EXPECT_NE(store.log().find("No space left"), std::string::npos) << store.log();
  EXPECT_GT(fs::space(disk.path()).available + 100000, space);
}

}  // namespace
}  // namespace zstdfs::mounttest
