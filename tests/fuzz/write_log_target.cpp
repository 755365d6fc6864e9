#include <algorithm>
#include <iterator>

#include "fs/store/write_log.hpp"
#include "tests/fuzz/journals.hpp"
#include "tests/fuzz/memory_file.hpp"
#include "tests/fuzz/require.hpp"
#include "tests/fuzz/targets.hpp"

namespace zstdfs::fuzz {
namespace {

using store::JournalHead;
using store::JournalKind;
using store::LogSizes;
using store::Overlay;

void expect_zeros_behind_to_be_nothing(ByteSpan input, const store::WriteLogContent& content) {
  MemoryFile with_room(input.first(static_cast<std::size_t>(content.end_offset)));
  with_room.truncate(content.end_offset + 10'000);
  const auto again =
      store::read_write_log(with_room, [](const LogSizes&, Overlay::Pieces&&) { return true; });
  FUZZ_REQUIRE(again && again->batches == content.batches);
  FUZZ_REQUIRE(again->end_offset == content.end_offset);
  FUZZ_REQUIRE(store::rest_of_log(with_room, *again, store::PowerLoss::kNone) ==
               store::LogRest::kNothing);
}

/// What is read has the form that the writer gives it, and can be laid over any file.
void read(ByteSpan input) {
  const MemoryFile file(input);
  try {
    Overlay overlay;
    std::uint64_t batches = 0;
    std::uint64_t data_bytes = 0;
    const auto on_batch = [&](const LogSizes&, Overlay::Pieces&& pieces) {
      ++batches;
      for (auto& [offset, piece] : pieces) {
        FUZZ_REQUIRE(piece.bytes > 0 && offset + piece.bytes > offset);
        FUZZ_REQUIRE(piece.is_zero() || piece.data.size() == piece.bytes);
        data_bytes += piece.data.size();
        if (piece.is_zero()) {
          overlay.write_zeros({offset, piece.bytes});
        } else {
          overlay.write(offset, piece.data);
        }
      }
      return true;
    };
    const auto content = store::read_write_log(file, on_batch);
    FUZZ_REQUIRE(content || batches == 0);
    FUZZ_REQUIRE(data_bytes <= input.size());
    if (!content) return;
    FUZZ_REQUIRE(content->batches == batches && content->end_offset <= input.size());
    // Pieces do not overlap, whatever the batches said.
    std::uint64_t end = 0;
    for (const auto& [offset, piece] : overlay.pieces()) {
      FUZZ_REQUIRE(offset >= end);
      end = offset + piece.bytes;
    }
    // Cut off behind the last batch, it is the same log.
    const MemoryFile cut(input.first(static_cast<std::size_t>(content->end_offset)));
    const auto again =
        store::read_write_log(cut, [](const LogSizes&, Overlay::Pieces&&) { return true; });
    FUZZ_REQUIRE(again && again->batches == batches && again->end_offset == content->end_offset);
    expect_zeros_behind_to_be_nothing(input, *content);
    // Whatever follows, there is a name for it.
    for (const auto power_loss : {store::PowerLoss::kNone, store::PowerLoss::kPossible}) {
      const bool nothing =
          store::rest_of_log(file, *content, power_loss) == store::LogRest::kNothing;
      const ByteSpan rest = input.subspan(static_cast<std::size_t>(content->end_offset));
      FUZZ_REQUIRE(nothing == (std::ranges::count(rest, std::byte{0}) == std::ssize(rest)));
    }
  } catch (const NewerFormatError&) {
    FUZZ_REQUIRE(load_le<std::uint32_t>(input, 4) > 1);
  }
}

}  // namespace

/// The input is a write log; or one whose hashes are made right, so that what lies behind is
/// reached.
void write_log_target(ByteSpan input) {
  read(input);
  read(with_journal_hashes(input, JournalKind::kWriteLog));
}

}  // namespace zstdfs::fuzz
