#pragma once

#include <array>
#include <optional>
#include <string>

#include "zstdfs/dictionary_source.hpp"
#include "zstdfs/frame_index.hpp"
#include "zstdfs/source.hpp"

namespace zstdfs {

/// A container's frames, and how they became known. docs/format.md, "Opening a container".
struct LoadedContainer {
  /// As stored, or with the defaults when the stored one cannot be trusted.
  ContainerHeader header;
  bool header_intact = false;
  FrameIndex index;
  /// The header, the seek table and the file's size agree: nothing was interrupted.
  bool sealed = false;
  /// Logical bytes that the file ought to have: those of `index`, or more when content behind them
  /// is lost. Reads beyond `index` are then errors.
  std::uint64_t logical_bytes = 0;
  /// What is wrong with the container's structure, for people; empty when nothing is.
  std::string damage;
};

/// How far a scan trusts what it finds.
enum class ScanTrust {
  kDurableFrames,  ///< decompresses and verifies frames from header.durable_bytes on
  kNothing,        ///< verifies every frame
};

/// The first bytes of a file, kContainerHeaderBytes or all, with a container's signature put right
/// where that is damaged. Throws std::system_error.
class ContainerPrefix {
 public:
  explicit ContainerPrefix(const RandomAccessSource& source);

  ByteSpan bytes() const { return ByteSpan(buffer_).first(count_); }
  bool is_container() const { return is_container_; }
  /// Whether something had to be put right.
  bool was_damaged() const { return was_damaged_; }

 private:
  std::array<std::byte, kContainerHeaderBytes> buffer_{};
  std::size_t count_ = 0;
  bool is_container_ = false;
  bool was_damaged_ = false;
};

/// Whether the source is a container: see restore_container_signature(). Throws std::system_error.
bool is_container(const RandomAccessSource& source);

/// The header of a container, also when only its signature is damaged. Nothing when it is no
/// container, or the header is damaged otherwise. Throws NewerFormatError, std::system_error.
std::optional<ContainerHeader> read_container_header(const RandomAccessSource& source);

/// Reads header and seek table of a container; where they do not agree, scans the frames. The scan
/// ends at the first thing that is not a whole frame such as a seek table lists (with a content
/// size, and a checksum that holds). Throws NewerFormatError, MissingDictionaryError,
/// std::system_error. Precondition: is_container(source).
LoadedContainer load_container(const RandomAccessSource& source,
                               const DictionarySource& dictionaries = no_dictionaries());

/// Scans a container's frames without regard to its seek table. `header` gives durable_bytes.
/// Frames are numbered as they lie; skippable frames are gaps. Ends quietly at a seek table or at
/// the end of the file; `damage` says when it ended otherwise.
LoadedContainer scan_container(const RandomAccessSource& source, ScanTrust trust,
                               const DictionarySource& dictionaries = no_dictionaries());

/// The logical size of a file of either form, at the least cost: one read of the header when the
/// container is sealed. Throws as load_container does.
std::uint64_t logical_size(const RandomAccessSource& source,
                           const DictionarySource& dictionaries = no_dictionaries());

/// Reads, verifies and decompresses a frame of the container into `out`, which has its
/// logical_bytes. Zero frames are recognised without decompressing. Throws CorruptError,
/// MissingDictionaryError, std::system_error. Thread safety: may run concurrently.
void read_frame(const RandomAccessSource& source, const FrameEntry& frame, MutableByteSpan out,
                const DictionarySource& dictionaries = no_dictionaries());

/// Whether a frame holds only zeros and is stored in the form of encode_zero_frame, by reading it.
bool is_stored_zero_frame(const RandomAccessSource& source, const FrameEntry& frame);

}  // namespace zstdfs
