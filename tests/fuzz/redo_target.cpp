#include "fs/store/redo.hpp"
#include "tests/fuzz/journals.hpp"
#include "tests/fuzz/memory_file.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/fuzz/targets.hpp"

namespace zstdfs::fuzz {
namespace {

constexpr std::uint64_t kMostTargetBytes = 1u << 20;

/// What is whole can be applied, twice as well as once; or it is refused before anything is
/// changed.
void read(ByteSpan input) {
  const MemoryFile file(input);
  try {
    const auto content = store::read_redo(file);
    if (!content) return;
    FUZZ_REQUIRE(content->records_offset < input.size() && content->records <= input.size());
    const Bytes before(100, std::byte{'.'});
    MemoryFile target(before, kMostTargetBytes);
    if (content->target_bytes > kMostTargetBytes) {
      try {
        store::apply_redo(file, *content, target);
        FUZZ_REQUIRE(false);
      } catch (const std::system_error&) {
        FUZZ_REQUIRE(target.content() == before);
      }
      return;
    }
    store::apply_redo(file, *content, target);
    FUZZ_REQUIRE(target.size() == content->target_bytes);
    const Bytes once = target.content();
    store::apply_redo(file, *content, target);
    FUZZ_REQUIRE(target.content() == once);
  } catch (const NewerFormatError&) {
    FUZZ_REQUIRE(load_le<std::uint32_t>(input, 4) > 1);
  }
}

}  // namespace

/// The input is a redo file; or one whose hashes are made right, so that what lies behind is
/// reached.
void redo_target(ByteSpan input) {
  read(input);
  read(with_journal_hashes(input, store::JournalKind::kRedo));
}

}  // namespace zstdfs::fuzz
