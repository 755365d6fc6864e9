#include "tests/power_cut/replay.hpp"

#include <algorithm>
#include <array>
#include <filesystem>

#include "tests/patterns.hpp"

namespace zstdfs::powercut {
namespace {

std::string copied(const std::string& from, const std::string& to) {
  copy_image(from, to);
  return to;
}

}  // namespace

// Half of them come right before a flush, without any write since the one before: so what was
// promised since then stands on flushed writes alone. Of the others half come there too, where most
// can be lost, with some of those writes; and half anywhere.
std::vector<Cut> choose_cuts(const Recording& recording, std::size_t count, std::uint64_t seed) {
  using Kind = Survival::Kind;
  constexpr std::array<Kind, 3> kPartly = {Kind::kEverything, Kind::kSomeWrites, Kind::kSomeBlocks};
  const auto& records = recording.records();
  std::vector<std::size_t> before_flushes;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].kind == RecordKind::kFlush) before_flushes.push_back(i);
  }
  before_flushes.push_back(records.size());
  test::Random random(seed);
  std::vector<Cut> cuts;
  for (std::size_t i = 0; i < count; ++i) {
    Cut cut;
    cut.position = before_flushes[random.below(before_flushes.size())];
    if (random.chance(50)) {
      cut.survival = {kPartly[random.below(kPartly.size())], random.below(1'000'000)};
      if (random.chance(50)) cut.position = 1 + random.below(records.size());
    }
    if (random.chance(20)) cut.again = random.next();
    cuts.push_back(cut);
  }
  std::sort(cuts.begin(), cuts.end(),
            [](const Cut& a, const Cut& b) { return a.position < b.position; });
  return cuts;
}

Replay::Replay(const SessionOptions& options, const std::string& directory,
               const std::string& scratch)
    : options_(options),
      scratch_(scratch),
      recording_(recording_file(directory)),
      disk_(recording_, copied(initial_image(directory), scratch + "/flushed.img")),
      promises_(options.filesystem == "btrfs" ? RemovedNames::kMayComeBack
                                              : RemovedNames::kStayAway) {}

void Replay::lose_power_while_recovering(const std::string& image, std::uint64_t seed) const {
  const std::string before = copied(image, scratch_ + "/before-recovery.img");
  const std::string recorded = scratch_ + "/recovery";
  record_recovery(options_, image, recorded, scratch_);
  const Recording recovery(recorded);
  ReplayedDisk(recovery, before).make(choose_cuts(recovery, 1, seed).front(), image);
}

Complaints Replay::inspect_cut(const Cut& cut, const std::string& found_image) {
  for (; told_ < cut.position; ++told_) {
    const Record& record = recording_.records()[told_];
    if (record.kind != RecordKind::kMark) continue;
    const Bytes text = recording_.data(record);
    promises_.apply({reinterpret_cast<const char*>(text.data()), text.size()});
  }
  const std::string image = scratch_ + "/cut.img";
  disk_.make(cut, image);
  try {
    if (cut.again && !options_.native) lose_power_while_recovering(image, *cut.again);
  } catch (const std::exception& error) {
    return {"the recovery fails: " + std::string(error.what())};
  }
  if (!found_image.empty()) copy_image(image, found_image);
  Complaints complaints = inspect(options_, promises_, image, scratch_);
  std::filesystem::remove(image);
  return complaints;
}

}  // namespace zstdfs::powercut
