#include "tests/crash/store_scenarios.hpp"

#include "zstdfs/container_header.hpp"

namespace zstdfs::test {
namespace {

constexpr std::size_t kKiB = 1024;

void nothing(StoreRun&) {}

void make_container(StoreRun& run) {
  run.make("file", text_bytes(200 * kKiB, 1));
}

void make_raw(StoreRun& run) {
  run.make("file", random_bytes(60 * kKiB, 1));
}

void fresh_small_files(StoreRun& run) {
  run.write("container", 0, text_bytes(20 * kKiB, 1));
  run.sync("container");
  run.sync_names();
  run.write("tiny", 0, text_bytes(100, 2));
  run.sync("tiny");
  run.close("tiny");
  run.close("container");
  run.write("unsynced", 0, text_bytes(30 * kKiB, 3));
  run.close("unsynced");
  run.settle();
}

void fresh_stream(StoreRun& run) {
  constexpr std::size_t kPiece = 700 * kKiB;
  for (std::uint64_t i = 0; i < 4; ++i) {
    run.append("file", compressible_bytes(kPiece, i));
    if (i == 2) run.sync("file");
    if (i == 2) run.sync_names();
  }
  run.sync("file");
  run.append("file", compressible_bytes(3 * kKiB, 8));
  run.close("file");
  run.settle();
}

void fresh_stream_that_does_not_compress(StoreRun& run) {
  for (std::uint64_t i = 0; i < 4; ++i) {
    run.append("file", random_bytes(700 * kKiB, i));
    if (i == 1) run.sync("file");
    if (i == 1) run.sync_names();
  }
  run.sync("file");
  run.close("file");
  run.settle();
}

void growing_small_file(StoreRun& run) {
  run.write("file", 0, text_bytes(100, 1));
  run.sync("file");
  run.sync_names();
  run.append("file", text_bytes(50 * kKiB, 2));
  run.sync("file");
  run.close("file");
  run.settle();
  run.append("file", text_bytes(10 * kKiB, 3));
  run.sync("file");
  run.close("file");
}

void append(StoreRun& run) {
  run.append("file", text_bytes(100, 2));
  run.sync("file");
  run.append("file", text_bytes(30 * kKiB, 3));
  run.flush("file");
  run.append("file", text_bytes(6 * kKiB, 4));
  run.sync("file");
  run.append("file", text_bytes(200, 5));
  run.close("file");
  run.settle();
}

void overwrite(StoreRun& run) {
  run.write("file", 50'000, random_bytes(9'000, 2));
  run.sync("file");
  run.write("file", 57'000, text_bytes(20'000, 3));
  run.flush("file");
  run.write("file", 0, text_bytes(5'000, 4));
  run.sync("file");
  run.close("file");
  run.settle();
  run.write("file", 199 * kKiB, random_bytes(5'000, 5));
  run.sync("file");
  run.close("file");
  run.settle();
}

void overwrite_everything(StoreRun& run) {
  run.write("file", 0, random_bytes(200 * kKiB, 2));
  run.sync("file");
  run.close("file");
  run.settle();
  run.write("file", 0, text_bytes(200 * kKiB, 3));
  run.sync("file");
  run.close("file");
  run.settle();
}

void append_and_overwrite(StoreRun& run) {
  run.append("file", text_bytes(20'000, 2));
  run.write("file", 100'000, random_bytes(300, 3));
  run.sync("file");
  run.append("file", text_bytes(20'000, 4));
  run.write("file", 205'000, random_bytes(5'000, 5));
  run.sync("file");
  run.write("file", 230'000, text_bytes(1'000, 6));
  run.close("file");
  run.settle();
}

void truncate_down_and_up(StoreRun& run) {
  run.truncate("file", 70'001);
  run.sync("file");
  run.truncate("file", 150'000);
  run.sync("file");
  run.write("file", 140'000, text_bytes(3'000, 2));
  run.truncate("file", 4'096);
  run.append("file", text_bytes(9'000, 3));
  run.sync("file");
  run.close("file");
  run.settle();
  run.truncate("file", 50);
  run.sync("file");
  run.close("file");
  run.settle();
}

void truncate_to_what_is_in_frames(StoreRun& run) {
  run.append("file", text_bytes(100, 2));
  run.sync("file");
  run.truncate("file", 200 * kKiB);
  run.sync("file");
  run.truncate("file", 300 * kKiB);
  run.sync("file");
  run.truncate("file", 200 * kKiB);
  run.flush("file");
  run.sync("file");
  run.close("file");
}

// The changed frames shrink, so that the appended ones stay where they are, and are not synced.
void patch_what_was_just_appended_to(StoreRun& run) {
  run.append("file", text_bytes(60 * kKiB, 2));
  run.flush("file");
  run.write("file", 50'000, Bytes(5'000));
  run.close("file");
  run.settle();
}

// What was synced in the log comes into frames that are not synced, and those stay where they are.
void append_to_what_was_synced(StoreRun& run) {
  run.append("file", text_bytes(100, 2));
  run.sync("file");
  run.append("file", text_bytes(60 * kKiB, 3));
  run.close("file");
  run.settle();
}

void punch_holes(StoreRun& run) {
  run.punch_hole("file", {.offset = 10'000, .bytes = 100'000});
  run.sync("file");
  run.write("file", 50'000, text_bytes(5'000, 2));
  run.flush("file");
  run.punch_hole("file", {.offset = 150'000, .bytes = 500'000});
  run.sync("file");
  run.close("file");
  run.settle();
}

void rewrite_from_nothing(StoreRun& run) {
  run.truncate("file", 0);
  run.write("file", 0, text_bytes(100 * kKiB, 2));
  run.sync("file");
  run.truncate("file", 0);
  run.write("file", 0, text_bytes(200, 3));
  run.sync("file");
  run.close("file");
  run.settle();
  run.truncate("file", 0);
  run.write("file", 0, random_bytes(30 * kKiB, 4));
  run.close("file");
  run.settle();
}

void change_and_rewrite_from_nothing(StoreRun& run) {
  run.write("file", 50'000, random_bytes(9'000, 2));
  run.sync("file");
  run.truncate("file", 0);
  run.write("file", 0, text_bytes(150 * kKiB, 3));
  run.sync("file");
  run.write("file", 50'000, random_bytes(9'000, 4));
  run.sync("file");
  run.close("file");
  run.settle();
}

void change_raw(StoreRun& run) {
  run.write("file", 10'000, random_bytes(9'000, 2));
  run.sync("file");
  run.append("file", random_bytes(20'000, 3));
  run.truncate("file", 70'000);
  run.sync("file");
  run.close("file");
  run.settle();
  run.write("file", 0, text_bytes(60'000, 4));  // now it pays to compress it
  run.close("file");
  run.settle();
  run.write("file", 30'000, text_bytes(5'000, 5));
  run.sync("file");
  run.close("file");
  run.settle();
}

void raw_that_would_look_like_a_container(StoreRun& run) {
  const Bytes header = encode_container_header({});
  run.write("file", 0, ByteSpan(header).first(kContainerSignatureBytes));
  run.sync("file");
  run.write("file", 100, text_bytes(100, 2));
  run.sync("file");
  run.close("file");
  run.settle();
}

void replace_by_rename(StoreRun& run) {
  run.write("new", 0, text_bytes(90 * kKiB, 2));
  run.sync("new");
  run.close("new");
  run.rename("new", "file");
  run.sync_names();
  run.write("new", 0, text_bytes(90 * kKiB, 3));
  run.write("new", 5'000, random_bytes(100, 4));
  run.sync("new");
  run.write("new", 6'000, random_bytes(100, 5));
  run.sync("new");
  run.rename("new", "file");
  run.sync_names();
  run.settle();
}

void changes_over_remounts(StoreRun& run) {
  run.write("file", 10'000, random_bytes(3'000, 2));
  run.sync("file");
  run.remount();
  run.append("file", text_bytes(30'000, 3));
  run.write("other", 0, text_bytes(30'000, 4));
  run.remount();
  run.truncate("file", 100'000);
  run.sync("file");
  run.remount();
}

void recompress(StoreRun& run) {
  using store::Settings;
  run.write("file", 50'000, random_bytes(3'000, 2));  // stays in the write log
  run.sync("file");
  run.recompress("file", {.level = 7, .chunk_bytes = 16u << 10});
  run.write("file", 10'000, random_bytes(3'000, 3));
  run.flush("file");
  run.recompress("file", {.form = Settings::Form::kRaw});
  run.append("file", text_bytes(5'000, 4));
  run.sync("file");
  run.recompress("file", {.form = Settings::Form::kCompressed, .long_distance_matching = true});
  run.close("file");
  run.settle();
}

// From the second sync on the log has room ahead. The first batches lie within it, some not synced;
// the larger ones go beyond, and get more.
void overwrite_and_sync_again_and_again(StoreRun& run) {
  for (std::uint64_t i = 0; i < 8; ++i) {
    run.write("file", i * 20'000, random_bytes(i < 5 ? 6'000 : 40'000, i));
    if (i % 3 == 2) run.flush("file");
    if (i % 3 != 2) run.sync("file");
  }
  run.sync("file");
  run.close("file");
  run.settle();
}

// With one frame there is no seek table, and then there is one.
void small_file_that_saves_bytes(StoreRun& run) {
  run.write("file", 0, text_bytes(3'000, 1));
  run.sync("file");
  run.sync_names();
  run.recompress("file", {.saving = store::Settings::Saving::kBytes});
  run.append("file", text_bytes(500, 2));
  run.sync("file");
  run.append("file", text_bytes(20'000, 3));
  run.sync("file");
  run.truncate("file", 2'000);
  run.sync("file");
  run.close("file");
  run.settle();
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> all = {
      {"FreshSmallFiles", nothing, fresh_small_files},
      {"FreshStream", nothing, fresh_stream},
      {"FreshStreamThatDoesNotCompress", nothing, fresh_stream_that_does_not_compress},
      {"GrowingSmallFile", nothing, growing_small_file},
      {"Append", make_container, append},
      {"Overwrite", make_container, overwrite},
      {"OverwriteAndSyncAgainAndAgain", make_container, overwrite_and_sync_again_and_again},
      {"OverwriteEverything", make_container, overwrite_everything},
      {"AppendAndOverwrite", make_container, append_and_overwrite},
      {"TruncateDownAndUp", make_container, truncate_down_and_up},
      {"TruncateToWhatIsInFrames", make_container, truncate_to_what_is_in_frames},
      {"AppendToWhatWasSynced", make_container, append_to_what_was_synced},
      {"PatchWhatWasJustAppendedTo", make_container, patch_what_was_just_appended_to},
      {"PunchHoles", make_container, punch_holes},
      {"RewriteFromNothing", make_container, rewrite_from_nothing},
      {"ChangeAndRewriteFromNothing", make_container, change_and_rewrite_from_nothing},
      {"ChangeRaw", make_raw, change_raw},
      {"RawThatWouldLookLikeAContainer", make_raw, raw_that_would_look_like_a_container},
      {"ReplaceByRename", make_container, replace_by_rename},
      {"ChangesOverRemounts", make_container, changes_over_remounts},
      {"Recompress", make_container, recompress},
      {"SmallFileThatSavesBytes", nothing, small_file_that_saves_bytes},
  };
  return all;
}

}  // namespace zstdfs::test
