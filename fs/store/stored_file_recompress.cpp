// StoredFile: how a file is stored anew with other settings, while it is read and written.

#include <algorithm>
#include <optional>
#include <utility>

#include "fs/store/redo.hpp"
#include "fs/store/rounding.hpp"
#include "fs/store/stored_file.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::store {
namespace {

// So much is encoded at a time, with readers beside it and writers in between.
constexpr std::uint64_t kStepBytes = 4u << 20;
// A file that is written without pause is left alone.
constexpr int kAttempts = 3;
// A sparse file as a raw one would get its holes as zeros; beyond so many that is refused.
constexpr std::uint64_t kMostZerosWrittenOut = 64u << 20;

}  // namespace

RecompressionResult StoredFile::recompress(const SettingsChoice& choice) {
  RecompressionResult result;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Settings wanted;
    std::uint64_t change = 0;
    {
      MutexLock changing(write_mutex_);
      const auto outcome = prepare_recompression(choice, wanted);
      result.stored_bytes_before = result.stored_bytes_after = backing().size();
      if (outcome) {
        result.outcome = *outcome;
        return result;
      }
      change = changes_;
    }
    RedoWriter redo(services_.journal, journal_target_now());
    auto after = encode_anew(wanted, change, redo);
    if (!after) continue;
    MutexLock changing(write_mutex_);
    if (changes_ != change) continue;
    refuse_if_retired(wanted.dictionary_id);
    finish_rewrite();
    result.outcome = replace_by(std::move(*after), redo);
    result.stored_bytes_after = backing().size();
    if (result.outcome == Recompression::kDone) services_.statistics.add(Count::kRecompressions);
    return result;
  }
  result.outcome = Recompression::kBusy;
  return result;
}

std::optional<Recompression> StoredFile::prepare_recompression(const SettingsChoice& choice,
                                                               Settings& wanted) {
  if (services_.options.read_only || !backing().writable()) {
    throw std::system_error(EROFS, std::generic_category());
  }
  finish_rewrite();
  refuse_if_damaged();
  flush_locked();
  return decide_recompression(choice, wanted);
}

RecompressionPlan StoredFile::plan_recompression(const SettingsChoice& choice) {
  MutexLock changing(write_mutex_);
  refuse_if_damaged();
  RecompressionPlan plan;
  plan.outcome = decide_recompression(choice, plan.wanted).value_or(Recompression::kDone);
  plan.stored_bytes = backing().size();
  return plan;
}

std::optional<Recompression> StoredFile::decide_recompression(const SettingsChoice& choice,
                                                              Settings& wanted) {
  const State& state = seen();
  services_.policy.refresh();  // Who asks may have changed it just now.
  wanted = services_.policy.settings_for(backing(), state.logical_bytes);
  choice.apply_to(wanted);
  if (wanted.dictionary_id != 0) {  // Throws when it is missing.
    refuse_if_retired(wanted.dictionary_id);
    services_.dictionaries.digested_for(wanted.dictionary_id, wanted.level);
  }
  if (state.form == Form::kEmpty) return Recompression::kAsWanted;
  const bool wants_raw = wanted.form == Settings::Form::kRaw;
  if (state.form == Form::kRaw) {
    if (wants_raw) return Recompression::kAsWanted;
    const bool one_block = state.logical_bytes <= services_.block_bytes;
    if (one_block && wanted.saving == Settings::Saving::kBlocks) return Recompression::kNoGain;
    return std::nullopt;
  }
  if (wants_raw) {
    if (!may_be_raw()) return Recompression::kLikeContainer;
    if (is_mostly_holes()) return Recompression::kMostlyHoles;
    return std::nullopt;
  }
  // What the file's size made of the chunk size stays.
  ContainerHeader header = state.header;
  put_settings(wanted, header);
  fit_header(header, state.logical_bytes);
  if (header == state.header) return Recompression::kAsWanted;
  return std::nullopt;
}

void StoredFile::refuse_if_retired(std::uint32_t dictionary_id) const {
  if (services_.policy.is_retired(dictionary_id)) {
    throw MissingDictionaryError(dictionary_id, "it is being removed");
  }
}

bool StoredFile::is_mostly_holes() {
  ReaderLock lock(state_mutex_);
  std::uint64_t data = 0;
  for (std::uint64_t at = next_data(0); at < state_.logical_bytes;) {
    const std::uint64_t end = end_of_data(at);
    data += end - at;
    at = next_data(end);
  }
  const std::uint64_t zeros = state_.logical_bytes - data;
  return zeros > kMostZerosWrittenOut && zeros > data;
}

JournalTarget StoredFile::journal_target_now() {
  ReaderLock lock(state_mutex_);
  return journal_target();
}

// Writers may go on between the steps; when they did, all was in vain.
std::optional<StoredFile::State> StoredFile::encode_anew(const Settings& wanted,
                                                         std::uint64_t change, RedoWriter& redo) {
  State after;
  after.content_id = services_.next_content_id++;
  after.form = wanted.form == Settings::Form::kRaw ? Form::kRaw : Form::kContainer;
  std::uint64_t at = 0;
  while (true) {
    ReaderLock lock(state_mutex_);
    if (changes_ != change) return std::nullopt;
    if (at == 0) {
      after.logical_bytes = state_.logical_bytes;
      put_settings(wanted, after.header);
      fit_header(after.header, state_.logical_bytes);
      after.index = FrameIndex(after.header.bytes());
    }
    if (at >= after.logical_bytes) break;
    const std::uint64_t chunk = after.header.chunk_bytes;
    const std::uint64_t zeros_end = floor_to(next_data(at), chunk);
    const std::uint64_t step_end = floor_to(at + std::max(kStepBytes, chunk), chunk);
    const std::uint64_t end = std::min(after.logical_bytes, std::max(zeros_end, step_end));
    if (after.form == Form::kRaw) {
      Bytes content(static_cast<std::size_t>(std::min(end - at, kStepBytes)));
      load_content(at, content);
      redo.add(at, content);
      at += content.size();
      continue;
    }
    encode_range({at, end - at}, after.header, wanted.level,
                 [&](NewFrame&& frame) { place_frame(after, std::move(frame), redo); });
    at = end;
  }
  return after;
}

Recompression StoredFile::replace_by(State after, RedoWriter& redo) {
  Recompression outcome = Recompression::kDone;
  unseen([&]() ZSTDFS_NO_THREAD_SAFETY_ANALYSIS {
    backing().keep_privileges([&]() ZSTDFS_NO_THREAD_SAFETY_ANALYSIS {
      outcome = replace_content_by(std::move(after), redo);
    });
  });
  return outcome;
}

Recompression StoredFile::replace_content_by(State after, RedoWriter& redo) {
  PendingRewrite planned;
  {
    ReaderLock lock(state_mutex_);
    if (after.form == Form::kContainer) {
      finish_container(after, redo);
      if (state_.form == Form::kRaw && !saves(after.header)) return Recompression::kNoGain;
    }
    planned = finish_redo(std::move(after), redo);
    planned.keeps_privileges = true;
  }
  rewrite(std::move(planned));
  return Recompression::kDone;
}

}  // namespace zstdfs::store
