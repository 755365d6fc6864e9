#include "zstdfs/dictionary.hpp"

#define ZSTD_STATIC_LINKING_ONLY
#include <zdict.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "zstdfs/constants.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs {

struct ZstdCompressionDict::Digests {
  Mutex mutex;
  std::shared_ptr<const ZSTD_CDict> for_compression ZSTDFS_GUARDED_BY(mutex);
  std::shared_ptr<const ZSTD_DDict> for_decompression ZSTDFS_GUARDED_BY(mutex);
};

namespace {

static_assert(static_cast<int>(DictType::kAuto) == ZSTD_dct_auto &&
              static_cast<int>(DictType::kRawContent) == ZSTD_dct_rawContent &&
              static_cast<int>(DictType::kFullDict) == ZSTD_dct_fullDict);

ZSTD_dictContentType_e content_type(DictType type) {
  const int number = static_cast<int>(type);
  if (number >= ZSTD_dct_auto && number <= ZSTD_dct_fullDict) {
    return static_cast<ZSTD_dictContentType_e>(number);
  }
  throw std::invalid_argument("dict_type is " + std::to_string(static_cast<int>(type)) +
                              "; it must be kAuto, kRawContent or kFullDict");
}

/// libzstd says no more than that it made no digest: finds out why.
[[noreturn]] void digest_failed(ByteSpan data, DictType type, const char* doing) {
  const bool begins_as_full =
      data.size() >= 4 && load_le<std::uint32_t>(data, 0) == kDictionaryMagicNumber;
  if (type == DictType::kFullDict || (type == DictType::kAuto && begins_as_full)) {
    throw ZstdError(ZSTD_error_dictionary_corrupted,
                    std::string("cannot ") + doing + ": its entropy tables are damaged");
  }
  throw ZstdError(ZSTD_error_memory_allocation,
                  std::string("cannot ") + doing + ": not enough memory");
}

constexpr ZSTD_customMem kDefaultMemory = {nullptr, nullptr, nullptr};

using SharedData = std::shared_ptr<const Bytes>;

/// Takes over `digest`, which refers to `data`. Frees it when the last user is gone, in which ever
/// thread that is.
std::shared_ptr<const ZSTD_CDict> shared(ZSTD_CDict* digest, SharedData data, DictType type) {
  if (digest == nullptr) digest_failed(*data, type, "precompute a dictionary");
  return {digest, [data = std::move(data)](ZSTD_CDict* last) { ZSTD_freeCDict(last); }};
}

std::shared_ptr<const ZSTD_DDict> shared(ZSTD_DDict* digest, SharedData data, DictType type) {
  if (digest == nullptr) digest_failed(*data, type, "digest a dictionary for decompression");
  return {digest, [data = std::move(data)](ZSTD_DDict* last) { ZSTD_freeDDict(last); }};
}

}  // namespace

ZstdCompressionDict::ZstdCompressionDict(ByteSpan data, DictType dict_type)
    : data_(std::make_shared<const Bytes>(data.begin(), data.end())),
      dict_type_(dict_type),
      digests_(std::make_unique<Digests>()) {
  if (content_type(dict_type) != ZSTD_dct_fullDict) return;
  ZstdError::check(ZDICT_getDictHeaderSize(data.data(), data.size()),
                   "take data without a valid dictionary header for a full dictionary");
}

ZstdCompressionDict::~ZstdCompressionDict() = default;

std::uint32_t ZstdCompressionDict::dict_id() const {
  if (dict_type_ == DictType::kRawContent) return 0;
  return ZDICT_getDictID(data_->data(), data_->size());
}

std::shared_ptr<const ZSTD_CDict_s> ZstdCompressionDict::digested_for(int level) const {
  const ZSTD_compressionParameters parameters = ZSTD_getCParams(level, 0, data_->size());
  return shared(ZSTD_createCDict_advanced(data_->data(), data_->size(), ZSTD_dlm_byRef,
                                          content_type(dict_type_), parameters, kDefaultMemory),
                data_, dict_type_);
}

void ZstdCompressionDict::precompute_compress(int level) {
  auto digest = digested_for(level);
  const MutexLock lock(digests_->mutex);
  digests_->for_compression.swap(digest);
}

void ZstdCompressionDict::precompute_compress(const ZstdCompressionParameters& parameters) {
  // Whether a frame names its dictionary is for the compressor to say. A digest that was made
  // without the flag would not even know the dictionary's id.
  const ZstdCompressionParameters with_id = parameters.with(kParameterDictIdFlag, 1);
  auto digest =
      shared(ZSTD_createCDict_advanced2(data_->data(), data_->size(), ZSTD_dlm_byRef,
                                        content_type(dict_type_), with_id.raw(), kDefaultMemory),
             data_, dict_type_);
  const MutexLock lock(digests_->mutex);
  digests_->for_compression.swap(digest);
}

std::shared_ptr<const ZSTD_CDict_s> ZstdCompressionDict::precomputed() const {
  const MutexLock lock(digests_->mutex);
  return digests_->for_compression;
}

std::shared_ptr<const ZSTD_DDict_s> ZstdCompressionDict::digested() const {
  const MutexLock lock(digests_->mutex);
  if (digests_->for_decompression == nullptr) {
    digests_->for_decompression =
        shared(ZSTD_createDDict_advanced(data_->data(), data_->size(), ZSTD_dlm_byRef,
                                         content_type(dict_type_), kDefaultMemory),
               data_, dict_type_);
  }
  return digests_->for_decompression;
}

}  // namespace zstdfs
