#include "zstdfs/compression_parameters.hpp"

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#include <algorithm>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "parameter_checks.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/worker_pool.hpp"

namespace zstdfs {

// What was set is kept beside libzstd's object, which cannot be copied: `with` sets it once more.
struct ZstdCompressionParameters::State {
  struct Free {
    void operator()(ZSTD_CCtx_params* last) const { ZSTD_freeCCtxParams(last); }
  };

  explicit State(std::vector<Setting> wanted)
      : settings(std::move(wanted)), parameters(ZSTD_createCCtxParams()) {
    if (parameters == nullptr) throw std::bad_alloc();
    for (const Setting& setting : settings) {
      check_compression_setting(setting.parameter, setting.value);
      const std::string doing = "set " + compression_parameter_name(setting.parameter) + " to " +
                                std::to_string(setting.value);
      ZstdError::check(
          ZSTD_CCtxParams_setParameter(
              parameters.get(), static_cast<ZSTD_cParameter>(setting.parameter), setting.value),
          doing.c_str());
    }
  }

  std::vector<Setting> settings;
  std::unique_ptr<ZSTD_CCtx_params, Free> parameters;
};

namespace {

/// python-zstandard's -1 is libzstd's 0.
int choice_of_libzstd(int value) {
  return value == -1 ? 0 : value;
}

int one_thread_for_each_processor() {
  const int most = compression_parameter_bounds(kParameterThreads).upper;
  return static_cast<int>(std::min(processor_count(), static_cast<unsigned>(most)));
}

}  // namespace

ZstdCompressionParameters::ZstdCompressionParameters(const CompressionParameterValues& values) {
  std::vector<Setting> settings = {
      // The number of workers comes first: libzstd may reset the job size and the overlap when it
      // changes.
      {kParameterThreads, values.threads < 0 ? one_thread_for_each_processor() : values.threads},
      {kParameterFormat, values.format},
      {kParameterCompressionLevel, values.compression_level},
      {kParameterWindowLog, values.window_log},
      {kParameterHashLog, values.hash_log},
      {kParameterChainLog, values.chain_log},
      {kParameterSearchLog, values.search_log},
      {kParameterMinMatch, values.min_match},
      {kParameterTargetLength, values.target_length},
      {kParameterStrategy, choice_of_libzstd(values.strategy)},
      {kParameterContentSizeFlag, values.write_content_size ? 1 : 0},
      {kParameterDictIdFlag, values.write_dict_id ? 1 : 0},
      {kParameterJobSize, values.job_size},
      {kParameterOverlapLog, choice_of_libzstd(values.overlap_log)},
      {kParameterForceMaxWindow, values.force_max_window ? 1 : 0},
      {kParameterEnableLdm, values.enable_ldm ? 1 : 0},
      {kParameterLdmHashLog, values.ldm_hash_log},
      {kParameterLdmMinMatch, values.ldm_min_match},
      {kParameterLdmBucketSizeLog, values.ldm_bucket_size_log},
      {kParameterLdmHashRateLog, choice_of_libzstd(values.ldm_hash_rate_log)},
  };
  if (values.write_checksum) {
    settings.push_back({kParameterChecksumFlag, *values.write_checksum ? 1 : 0});
  }
  state_ = std::make_shared<const State>(std::move(settings));
}

ZstdCompressionParameters ZstdCompressionParameters::from_level(
    int level, std::uint64_t source_size, std::uint64_t dict_size,
    CompressionParameterValues overrides) {
  check_compression_setting(kParameterCompressionLevel, level);
  const ZSTD_compressionParameters chosen = ZSTD_getCParams(level, source_size, dict_size);
  const auto fill = [](int& value, int unset, auto of_level) {
    if (value == unset) value = static_cast<int>(of_level);
  };
  fill(overrides.window_log, 0, chosen.windowLog);
  fill(overrides.hash_log, 0, chosen.hashLog);
  fill(overrides.chain_log, 0, chosen.chainLog);
  fill(overrides.search_log, 0, chosen.searchLog);
  fill(overrides.min_match, 0, chosen.minMatch);
  fill(overrides.target_length, 0, chosen.targetLength);
  fill(overrides.strategy, -1, chosen.strategy);
  return ZstdCompressionParameters(overrides);
}

int ZstdCompressionParameters::get(int parameter) const {
  int value = 0;
  const std::string doing = "get " + compression_parameter_name(parameter);
  ZstdError::check(
      ZSTD_CCtxParams_getParameter(raw(), static_cast<ZSTD_cParameter>(parameter), &value),
      doing.c_str());
  return value;
}

bool ZstdCompressionParameters::is_set(int parameter) const {
  return std::ranges::any_of(
      state_->settings, [&](const Setting& setting) { return setting.parameter == parameter; });
}

ZstdCompressionParameters ZstdCompressionParameters::with(int parameter, int value) const {
  return with_all({{parameter, value}});
}

ZstdCompressionParameters ZstdCompressionParameters::with_all(
    std::initializer_list<Setting> changes) const {
  std::vector<Setting> settings = state_->settings;
  for (const Setting& change : changes) {
    const auto same = std::find_if(settings.begin(), settings.end(), [&](const auto& setting) {
      return setting.parameter == change.parameter;
    });
    if (same == settings.end()) {
      settings.push_back(change);
    } else {
      same->value = change.value;
    }
  }
  return ZstdCompressionParameters(std::make_shared<const State>(std::move(settings)));
}

ZstdCompressionParameters ZstdCompressionParameters::clamped_to(std::uint64_t source_size,
                                                                std::uint64_t dict_size) const {
  // libzstd's adjustment takes 0 for a value that is too small, so the level fills it in first.
  CompressionParameterValues set;
  set.window_log = window_log();
  set.hash_log = hash_log();
  set.chain_log = chain_log();
  set.search_log = search_log();
  set.min_match = min_match();
  set.target_length = target_length();
  set.strategy = strategy() == 0 ? -1 : strategy();
  const ZstdCompressionParameters filled =
      from_level(compression_level(), source_size, dict_size, set);
  ZSTD_compressionParameters all{};
  all.windowLog = static_cast<unsigned>(filled.window_log());
  all.chainLog = static_cast<unsigned>(filled.chain_log());
  all.hashLog = static_cast<unsigned>(filled.hash_log());
  all.searchLog = static_cast<unsigned>(filled.search_log());
  all.minMatch = static_cast<unsigned>(filled.min_match());
  all.targetLength = static_cast<unsigned>(filled.target_length());
  all.strategy = static_cast<ZSTD_strategy>(filled.strategy());
  all = ZSTD_adjustCParams(all, source_size, dict_size);

  const auto number = [](auto value) { return static_cast<int>(value); };
  return with_all({{kParameterWindowLog, number(all.windowLog)},
                   {kParameterHashLog, number(all.hashLog)},
                   {kParameterChainLog, number(all.chainLog)},
                   {kParameterSearchLog, number(all.searchLog)},
                   {kParameterMinMatch, number(all.minMatch)},
                   {kParameterTargetLength, number(all.targetLength)},
                   {kParameterStrategy, number(all.strategy)}});
}

// libzstd's estimate takes the parameters of long-distance matching as they are, and divides by a
// match length of 0. A compressor puts its defaults there; so does this.
ZstdCompressionParameters ZstdCompressionParameters::for_estimate() const {
  if (!enable_ldm()) return *this;
  static constexpr int kDefaultLdmWindowLog = 27;
  static constexpr int kLeastDefaultLdmMinMatch = 32;
  const int window = window_log() != 0 ? window_log() : kDefaultLdmWindowLog;
  const int matcher = strategy() != 0 ? strategy() : from_level(compression_level()).strategy();
  // libzstd 1.5.7 has denser tables for better strategies.
  const int hash_rate = ZSTD_versionNumber() >= 10507 ? 7 - matcher / 3 : 7;
  const auto or_default = [](int value, int otherwise) { return value != 0 ? value : otherwise; };
  return with_all(
      {{kParameterLdmMinMatch, or_default(ldm_min_match(), kLeastDefaultLdmMinMatch)},
       {kParameterLdmHashLog,
        or_default(ldm_hash_log(), std::clamp(window - hash_rate, kHashLogMin, kHashLogMax))},
       {kParameterLdmBucketSizeLog, or_default(ldm_bucket_size_log(), 3)}});
}

std::size_t ZstdCompressionParameters::estimated_compression_stream_size() const {
  return ZstdError::check(ZSTD_estimateCStreamSize_usingCCtxParams(for_estimate().raw()),
                          "estimate a compressor's size (which is possible without threads only)");
}

std::size_t ZstdCompressionParameters::estimated_compression_context_size() const {
  return ZstdError::check(ZSTD_estimateCCtxSize_usingCCtxParams(for_estimate().raw()),
                          "estimate a compressor's size (which is possible without threads only)");
}

void ZstdCompressionParameters::apply_to(ZSTD_CCtx_s* context) const {
  ZstdError::check(ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters),
                   "reset a compression context");
  ZstdError::check(ZSTD_CCtx_setParametersUsingCCtxParams(context, raw()),
                   "set the parameters of a compression context");
}

const ZSTD_CCtx_params_s* ZstdCompressionParameters::raw() const {
  return state_->parameters.get();
}

int ZstdCompressionParameters::format() const {
  return get(kParameterFormat);
}
int ZstdCompressionParameters::compression_level() const {
  return get(kParameterCompressionLevel);
}
int ZstdCompressionParameters::window_log() const {
  return get(kParameterWindowLog);
}
int ZstdCompressionParameters::hash_log() const {
  return get(kParameterHashLog);
}
int ZstdCompressionParameters::chain_log() const {
  return get(kParameterChainLog);
}
int ZstdCompressionParameters::search_log() const {
  return get(kParameterSearchLog);
}
int ZstdCompressionParameters::min_match() const {
  return get(kParameterMinMatch);
}
int ZstdCompressionParameters::target_length() const {
  return get(kParameterTargetLength);
}
int ZstdCompressionParameters::strategy() const {
  return get(kParameterStrategy);
}
bool ZstdCompressionParameters::write_content_size() const {
  return get(kParameterContentSizeFlag) != 0;
}
bool ZstdCompressionParameters::write_checksum() const {
  return get(kParameterChecksumFlag) != 0;
}
bool ZstdCompressionParameters::write_dict_id() const {
  return get(kParameterDictIdFlag) != 0;
}
int ZstdCompressionParameters::job_size() const {
  return get(kParameterJobSize);
}
int ZstdCompressionParameters::overlap_log() const {
  return get(kParameterOverlapLog);
}
bool ZstdCompressionParameters::force_max_window() const {
  return get(kParameterForceMaxWindow) != 0;
}
// 2 is libzstd's "never", which `with` can ask for.
bool ZstdCompressionParameters::enable_ldm() const {
  return get(kParameterEnableLdm) == 1;
}
int ZstdCompressionParameters::ldm_hash_log() const {
  return get(kParameterLdmHashLog);
}
int ZstdCompressionParameters::ldm_min_match() const {
  return get(kParameterLdmMinMatch);
}
int ZstdCompressionParameters::ldm_bucket_size_log() const {
  return get(kParameterLdmBucketSizeLog);
}
int ZstdCompressionParameters::ldm_hash_rate_log() const {
  return get(kParameterLdmHashRateLog);
}
int ZstdCompressionParameters::threads() const {
  return get(kParameterThreads);
}

}  // namespace zstdfs
