#include "fs/store/sizes_file.hpp"

#include <algorithm>
#include <string>
#include <system_error>

#include "fs/store/journal_codec.hpp"
#include "fs/store/store_paths.hpp"
#include "zstdfs/container_header.hpp"

namespace zstdfs::store {
namespace {

const std::string kUnfinishedPath = unfinished_path(kKnownSizesPath);
constexpr mode_t kFileMode = 0600;

// docs/format.md, "Known sizes".
constexpr std::uint32_t kMagic = 0x7A69537A;
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kHeaderBytes = 40;
constexpr std::size_t kBlockBytes = 4096;
constexpr std::size_t kEntryBytes = 24;
constexpr std::size_t kEntriesPerBlock = 170;
constexpr std::size_t kMarkOffset = kEntriesPerBlock * kEntryBytes;
constexpr std::size_t kHashOffset = kBlockBytes - 8;
static_assert(kMarkOffset + 8 == kHashOffset);

// So many are read at once: a walk over a tree needs the neighbours next, in another order.
constexpr std::uint64_t kBlocksPerRead = 32;
// 1 MiB, which answers for 43,520 files.
constexpr std::size_t kMostBlocksInMemory = 256;
// So much is written at a time.
constexpr std::size_t kWriteBytes = std::size_t{256} * kBlockBytes;

std::uint64_t blocks_for(std::uint64_t entries) {
  return (entries + kEntriesPerBlock - 1) / kEntriesPerBlock;
}

std::uint64_t block_offset(std::uint64_t number) {
  return (number + 1) * kBlockBytes;  // behind the header's
}

/// Tells a block from those of other files and places.
std::uint64_t block_mark(std::uint64_t nonce, std::uint64_t number) {
  return nonce + number;
}

Bytes encode_index(const std::vector<std::uint64_t>& first_inodes) {
  Bytes index;
  index.reserve(first_inodes.size() * 8);
  for (const std::uint64_t inode : first_inodes) append_le(index, inode);
  return index;
}

}  // namespace

/// Writes entries that come in order.
class SizesFile::Writer {
 public:
  explicit Writer(os::File& file) : file_(file) {}

  void add(const SizeEntry& entry) {
    if (in_block_ == kEntriesPerBlock) end_block();
    if (in_block_ == 0) {
      first_inodes_.push_back(entry.inode);
      out_.resize(out_.size() + kBlockBytes);
    }
    const std::size_t at = out_.size() - kBlockBytes + in_block_ * kEntryBytes;
    store_le(MutableByteSpan(out_), at, entry.inode);
    store_le(MutableByteSpan(out_), at + 8, entry.check);
    store_le(MutableByteSpan(out_), at + 16, entry.logical_bytes);
    ++in_block_;
    ++entries_;
  }

  std::uint64_t entries() const { return entries_; }

  /// Returns the file's id. The header comes last: what an interruption leaves has none.
  std::uint64_t finish() {
    if (in_block_ > 0) end_block();
    const Bytes index = encode_index(first_inodes_);
    out_.insert(out_.end(), index.begin(), index.end());
    write_out();
    Bytes header;
    append_le(header, kMagic);
    append_le(header, kVersion);
    append_le(header, entries_);
    append_le(header, nonce_);
    append_le(header, hash64(index));
    const std::uint64_t id = hash64(header);
    append_le(header, id);
    file_.write_at(0, header);
    return id;
  }

 private:
  void end_block() {
    const MutableByteSpan block = MutableByteSpan(out_).last(kBlockBytes);
    store_le(block, kMarkOffset, block_mark(nonce_, first_inodes_.size() - 1));
    store_le(block, kHashOffset, hash64(block.first(kHashOffset)));
    in_block_ = 0;
    if (out_.size() >= kWriteBytes) write_out();
  }

  void write_out() {
    if (out_.empty()) return;
    file_.write_at(offset_, out_);
    offset_ += out_.size();
    out_.clear();
  }

  os::File& file_;
  const std::uint64_t nonce_ = random_nonce();
  std::uint64_t entries_ = 0;
  std::vector<std::uint64_t> first_inodes_;
  Bytes out_;
  std::uint64_t offset_ = kBlockBytes;
  std::size_t in_block_ = 0;
};

std::unique_ptr<SizesFile> SizesFile::open(os::Volume& volume, std::uint64_t id) {
  auto opened = volume.open(kKnownSizesPath, os::OpenMode::kRead);
  if (!opened) return nullptr;
  std::unique_ptr<SizesFile> file(new SizesFile(std::move(opened)));
  return file->load(id) ? std::move(file) : nullptr;
}

bool SizesFile::load(std::uint64_t id) {
  Bytes header(kHeaderBytes);
  if (file_->read_at(0, header) != kHeaderBytes) return false;
  if (load_le<std::uint32_t>(header, 0) != kMagic) return false;
  if (load_le<std::uint32_t>(header, 4) != kVersion) return false;
  entries_ = load_le<std::uint64_t>(header, 8);
  nonce_ = load_le<std::uint64_t>(header, 16);
  id_ = load_le<std::uint64_t>(header, 32);
  if (id_ != id || hash64(ByteSpan(header).first(32)) != id) return false;
  if (entries_ > kMostEntries) return false;
  const std::uint64_t blocks = blocks_for(entries_);
  Bytes index(static_cast<std::size_t>(blocks) * 8);
  if (file_->size() != block_offset(blocks) + index.size()) return false;
  if (file_->read_at(block_offset(blocks), index) != index.size()) return false;
  if (load_le<std::uint64_t>(header, 24) != hash64(index)) return false;
  for (std::size_t at = 0; at < index.size(); at += 8) {
    first_inodes_.push_back(load_le<std::uint64_t>(index, at));
  }
  return true;
}

const std::vector<SizeEntry>& SizesFile::block(std::uint64_t number) {
  if (!blocks_.contains(number)) read_blocks_around(number);
  return blocks_[number];
}

void SizesFile::read_blocks_around(std::uint64_t number) {
  const std::uint64_t first = number - number % kBlocksPerRead;
  const std::uint64_t count = std::min<std::uint64_t>(kBlocksPerRead, first_inodes_.size() - first);
  Bytes bytes(static_cast<std::size_t>(count) * kBlockBytes);
  bytes.resize(file_->read_at(block_offset(first), bytes));
  if (blocks_.size() >= kMostBlocksInMemory) blocks_.clear();
  for (std::size_t at = 0; at + kBlockBytes <= bytes.size(); at += kBlockBytes) {
    const std::uint64_t each = first + at / kBlockBytes;
    blocks_[each] = decode_block(each, ByteSpan(bytes).subspan(at, kBlockBytes));
  }
}

std::vector<SizeEntry> SizesFile::decode_block(std::uint64_t number, ByteSpan bytes) const {
  std::vector<SizeEntry> block;
  const bool whole =
      load_le<std::uint64_t>(bytes, kHashOffset) == hash64(bytes.first(kHashOffset)) &&
      load_le<std::uint64_t>(bytes, kMarkOffset) == block_mark(nonce_, number);
  if (!whole) return block;
  const std::uint64_t entries =
      std::min<std::uint64_t>(kEntriesPerBlock, entries_ - number * kEntriesPerBlock);
  block.reserve(static_cast<std::size_t>(entries));
  for (std::size_t at = 0; at < entries * kEntryBytes; at += kEntryBytes) {
    block.push_back({load_le<std::uint64_t>(bytes, at), load_le<std::uint64_t>(bytes, at + 8),
                     load_le<std::uint64_t>(bytes, at + 16)});
  }
  return block;
}

std::optional<SizeEntry> SizesFile::find(std::uint64_t inode) {
  const auto after = std::upper_bound(first_inodes_.begin(), first_inodes_.end(), inode);
  if (after == first_inodes_.begin()) return std::nullopt;
  const auto& entries = block(static_cast<std::uint64_t>(after - first_inodes_.begin()) - 1);
  const auto found = std::ranges::lower_bound(entries, inode, {}, &SizeEntry::inode);
  if (found == entries.end() || found->inode != inode) return std::nullopt;
  return *found;
}

std::unique_ptr<SizesFile> SizesFile::replace(os::Volume& volume, SizesFile* old,
                                              std::span<const SizeEntry> changes) {
  volume.remove(kUnfinishedPath);
  auto file = volume.create(kUnfinishedPath, kFileMode);
  try {
    Writer writer(*file);
    auto next = changes.begin();
    const auto add_changes_before = [&](std::uint64_t inode) {
      for (; next != changes.end() && next->inode < inode; ++next) {
        if (next->logical_bytes != kNoSize) writer.add(*next);
      }
    };
    for (std::uint64_t number = 0; old && number < old->first_inodes_.size(); ++number) {
      for (const SizeEntry& entry : old->block(number)) {
        add_changes_before(entry.inode);
        if (next == changes.end() || next->inode != entry.inode) writer.add(entry);
      }
    }
    add_changes_before(kNoSize);
    if (writer.entries() == 0) {
      remove(volume);
      return nullptr;
    }
    const std::uint64_t id = writer.finish();
    std::unique_ptr<SizesFile> fresh(new SizesFile(std::move(file)));
    if (!fresh->load(id)) throw std::system_error(EIO, std::generic_category(), kUnfinishedPath);
    volume.rename(kUnfinishedPath, kKnownSizesPath);
    return fresh;
  } catch (const std::system_error&) {
    volume.remove(kUnfinishedPath);
    throw;
  }
}

void SizesFile::remove(os::Volume& volume) {
  volume.remove(kUnfinishedPath);
  volume.remove(kKnownSizesPath);
}

}  // namespace zstdfs::store
