#include "fs/store/redo.hpp"
#include "fs/store/write_log.hpp"
#include "tests/crash/faulty_volume.hpp"
#include "tests/fuzz/corpus.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::fuzz {
namespace {

using store::Journal;
using store::Overlay;

const store::JournalTarget kTarget{"identity", "d/file"};
constexpr std::uint64_t kGeneration = 7;

Bytes first_of(const Bytes& file, std::size_t bytes) {
  return Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(bytes));
}

Bytes content_of(const os::File& file) {
  Bytes content(static_cast<std::size_t>(file.size()));
  content.resize(file.read_at(0, content));
  return content;
}

void add_logs(const Corpus& corpus, os::Volume& volume) {
  Journal journal(volume);
  store::WriteLog log(journal, kTarget, kGeneration);
  const auto file = journal.open("1.log", os::OpenMode::kRead);
  corpus.add("write_log", "no-batch", content_of(*file));
  Overlay overlay;
  overlay.write(100, test::bytes_of("some content"));
  overlay.write_zeros({1000, 5000});
  log.append({6000, 6000, 6000}, overlay);
  corpus.add("write_log", "one-batch", content_of(*file));
  overlay.mark_all_logged();
  overlay.write(104, test::bytes_of("other"));
  log.append({200, 7000, 6000}, overlay);
  const Bytes two = content_of(*file);
  corpus.add("write_log", "two-batches", two);
  corpus.add("write_log", "torn", first_of(two, two.size() - 5));
  log.sync();
  log.append({300, 7000, 6000}, overlay);
  log.sync();
  const Bytes three = first_of(content_of(*file), static_cast<std::size_t>(log.bytes()) + 1000);
  corpus.add("write_log", "room-ahead", three);
  corpus.add("write_log", "torn-in-the-room",
             test::with_hole(three, two.size() + 60, three.size()));
}

void add_redo_files(const Corpus& corpus, os::Volume& volume) {
  Journal journal(volume);
  const auto target = volume.create("target", 0644);
  const auto redo_file = [&](auto&& fill, std::uint64_t target_bytes) {
    store::RedoWriter redo(journal, kTarget);
    fill(redo);
    const std::string name = redo.finish(*target, target_bytes, {1000000000, 5});
    return content_of(*journal.open(name, os::OpenMode::kRead));
  };
  corpus.add("redo", "no-record", redo_file([](auto&) {}, 0));
  const Bytes several = redo_file(
      [](store::RedoWriter& redo) {
        redo.add(80, test::bytes_of("frames"));
        redo.add(200, test::bytes_of("the seek table"));
        redo.add(0, test::bytes_of("header"));
      },
      214);
  corpus.add("redo", "three-records", several);
  corpus.add("redo", "without-end", first_of(several, several.size() - 44));
}

}  // namespace

void add_journal_corpus(const Corpus& corpus) {
  test::FaultyDisk disk;
  const auto volume = disk.volume();
  volume->make_directory(".zstdfs", 0700);
  volume->make_directory(".zstdfs/journal", 0700);
  add_logs(corpus, *volume);
  add_redo_files(corpus, *volume);
}

}  // namespace zstdfs::fuzz
