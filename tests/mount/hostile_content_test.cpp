// Containers that somebody made to hurt: a read gives an error or what can be had, in little memory
// and time, and everything else goes on. Random damage of a whole store, too.
#include <fcntl.h>

#include <filesystem>
#include <map>

#include "tests/mount/hostile_fixture.hpp"
#include "tests/patterns.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/container_table.hpp"
#include "zstdfs/frame_codec.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::mounttest {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kFar = std::uint64_t{1} << 62;

void append(Bytes& out, ByteSpan bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

/// Frames behind a header that is made last, as `sealed` or as the test wants it.
struct Container {
  Bytes bytes = Bytes(kContainerHeaderBytes);
  FrameIndex index;

  /// A frame that is listed as `logical_bytes` long.
  void add(ByteSpan frame, std::uint32_t logical_bytes) {
    index.append(bytes.size(), static_cast<std::uint32_t>(frame.size()), logical_bytes,
                 load_le<std::uint32_t>(frame, frame.size() - 4));
    append(bytes, frame);
  }

  Bytes with_header(const ContainerHeader& header) const {
    Bytes file = bytes;
    const Bytes encoded = encode_container_header(header);
    std::copy(encoded.begin(), encoded.end(), file.begin());
    return file;
  }
  /// `header` gives what is not a sum.
  Bytes sealed(ContainerHeader header = {}) const {
    Container whole = *this;
    const Bytes table = encode_container_table(index);
    append(whole.bytes, table);
    header.logical_bytes = index.logical_bytes();
    header.stored_bytes = whole.bytes.size();
    header.seek_table_hash = hash64(table);
    return whole.with_header(header);
  }
};

/// A zstd frame's header with this content size and window, and nothing behind it but zeros.
Bytes frame_that_claims(std::uint64_t content_bytes, unsigned window_descriptor) {
  Bytes frame;
  append_le(frame, std::uint32_t{0xFD2FB528});
  frame.push_back(std::byte{0xC4});  // 8 bytes of content size, a window, a checksum
  frame.push_back(std::byte(window_descriptor));
  append_le(frame, content_bytes);
  frame.resize(frame.size() + 20);
  return frame;
}

using Files = std::map<std::string, Bytes>;

void add_lying_headers(Files& files, const Container& honest) {
  const ContainerHeader sealed = *decode_container_header(honest.sealed());
  const Bytes table = encode_container_table(honest.index);
  const auto with = [&](const char* name, auto&& change) {
    Container file = honest;
    append(file.bytes, table);
    ContainerHeader header = sealed;
    change(header);
    files[name] = file.with_header(header);
  };
  with("logical size", [](ContainerHeader& header) { header.logical_bytes = kFar; });
  with("stored size", [](ContainerHeader& header) { header.stored_bytes = kFar; });
  with("durable", [](ContainerHeader& header) { header.durable_bytes = kFar; });
  with("durable, not sealed",
       [](ContainerHeader& header) { header.durable_bytes = header.stored_bytes = kFar; });
  with("no chunks", [](ContainerHeader& header) { header.chunk_bytes = kMinChunkBytes; });
  with("odd chunks", [](ContainerHeader& header) { header.chunk_bytes = kMinChunkBytes + 1; });
  with("large chunks", [](ContainerHeader& header) { header.chunk_bytes = kMaxChunkBytes; });
  with("low level", [](ContainerHeader& header) { header.level = -131072; });
  with("dictionary", [](ContainerHeader& header) { header.dictionary_id = 0xFFFFFFFF; });
  with("generation", [](ContainerHeader& header) { header.generation = ~std::uint64_t{0}; });
  with("hash", [](ContainerHeader& header) { header.seek_table_hash = 1; });
}

/// Headers of the short form, which are for one frame that ends where the file does.
void add_lying_short_headers(Files& files) {
  FrameEncoder encoder;
  const Bytes frame = encoder.encode(test::text_bytes(3000, 1), 3);
  ContainerHeader honest;
  honest.compact = honest.is_short = true;
  honest.logical_bytes = 3000;
  honest.stored_bytes = honest.bytes() + frame.size();
  FrameIndex index(honest.bytes());
  index.append(honest.bytes(), static_cast<std::uint32_t>(frame.size()), 3000,
               load_le<std::uint32_t>(frame, frame.size() - 4));
  honest.seek_table_hash = table_hash_for(honest, encode_container_table(index));
  const auto with = [&](const char* name, ByteSpan frames, auto&& change) {
    ContainerHeader header = honest;
    change(header);
    Bytes file = encode_container_header(header);
    append(file, frames);
    files[std::string("short, ") + name] = std::move(file);
  };
  const auto unchanged = [](ContainerHeader&) {};
  const auto durable = [](ContainerHeader& header) { header.durable_bytes = header.stored_bytes; };
  with("honest", frame, unchanged);
  with("logical size", frame, [](ContainerHeader& header) { header.logical_bytes = 4096; });
  with("stored size", frame, [](ContainerHeader& header) { header.stored_bytes = 65535; });
  with("hash", frame, [](ContainerHeader& header) { header.seek_table_hash ^= 1; });
  with("dictionary", frame, [](ContainerHeader& header) { header.dictionary_id = 0xFFFFFFFF; });
  with("nothing behind it", {}, unchanged);
  with("nothing behind it, durable", {}, durable);
  with("cut off", ByteSpan(frame).first(20), unchanged);
  with("cut off, durable", ByteSpan(frame).first(20), durable);
  Bytes twice = frame;
  append(twice, frame);
  with("two frames", twice, unchanged);
  with("a large frame", encoder.encode(Bytes(100000, std::byte{'a'}), 3), unchanged);
  with("a run of zeros", encode_zero_frame(kMaxZeroFrameBytes), durable);
  with("no content", encoder.encode({}, 3), unchanged);
}

void add_lying_tables(Files& files, ByteSpan frame) {
  for (const std::uint32_t claimed : {1u, 200000u, 1u << 24, 1u << 30}) {
    Container lie;
    for (int i = 0; i < 1000; ++i) lie.add(frame, claimed);
    files["frames of " + std::to_string(claimed)] = lie.sealed();
  }
}

void add_lying_frames(Files& files, const Container& honest) {
  const std::pair<const char*, Bytes> lies[] = {
      {"enormous content", frame_that_claims(kFar, 0x58)},
      {"largest content", frame_that_claims(kMaxChunkBytes, 0x58)},
      {"a run of zeros without them", frame_that_claims(kMaxZeroFrameBytes, 0x38)},
      {"enormous window", frame_that_claims(100000, 0xFF)},
      {"skippable", [] {
         Bytes skippable;
         append_le(skippable, std::uint32_t{0x184D2A56});
         append_le(skippable, std::uint32_t{0xFFFFFFFF});
         return skippable;
       }()}};
  for (const auto& [name, lie] : lies) {
    Container file = honest;
    append(file.bytes, lie);
    // As an append that was interrupted, once believed and once not, and with a table that lists
    // it.
    files[std::string(name) + ", scanned"] = file.with_header({});
    files[std::string(name) + ", trusted"] = file.with_header({.durable_bytes = kFar});
    Container listed = honest;
    listed.add(lie.size() < 13 ? frame_that_claims(1, 0) : lie, 100000);
    files[std::string(name) + ", listed"] = listed.sealed();
  }
}

void add_bombs(Files& files) {
  FrameEncoder encoder;
  const Bytes full = encoder.encode(Bytes(kMaxChunkBytes, std::byte{'a'}), 1);
  Container bomb;
  for (int i = 0; i < 100; ++i) bomb.add(full, kMaxChunkBytes);
  files["bomb"] = bomb.sealed();
  files["bomb, scanned"] = bomb.with_header({});
  Container zeros;
  const Bytes gibibyte = encode_zero_frame(kMaxZeroFrameBytes);
  for (int i = 0; i < 100; ++i) zeros.add(gibibyte, kMaxZeroFrameBytes);
  files["zeros"] = zeros.sealed();
  files["zeros, scanned"] = zeros.with_header({});
}

/// They take memory in proportion to their number.
void add_tiny_frames(Files& files) {
  FrameEncoder encoder;
  Container tiny;
  const Bytes byte = encoder.encode(test::bytes_of("x"), 1);
  for (int i = 0; i < 200000; ++i) tiny.add(byte, 1);
  files["tiny frames"] = tiny.sealed();
  files["tiny frames, scanned"] = tiny.with_header({});
  Container empty;
  for (int i = 0; i < 200000; ++i) append(empty.bytes, encoder.encode({}, 1));
  files["frames without content"] = empty.with_header({});
}

/// A small file on the disk whose table lists exabytes in frames that are holes.
void make_exabytes(const std::string& path) {
  constexpr std::size_t kFrames = 500000;
  FrameIndex index;
  const auto stored = static_cast<std::uint32_t>(zero_frame_bytes(kMaxZeroFrameBytes));
  for (std::size_t i = 0; i < kFrames; ++i) {
    index.append(index.frames_end(), stored, kMaxZeroFrameBytes, 1);
  }
  const Bytes table = encode_container_table(index);
  ContainerHeader header;
  header.logical_bytes = index.logical_bytes();
  header.stored_bytes = index.frames_end() + table.size();
  header.seek_table_hash = hash64(table);
  write_file(path, encode_container_header(header));
  pwrite_all(open_file(path, O_WRONLY).get(), table, index.frames_end());
}

class HostileContent : public HostileTest {
 protected:
  void expect_served_with(const Files& files) {
    for (const auto& [name, bytes] : files) write_file(store_.backing(name), bytes);
    expect_served([&] {
      for (const std::string& name : names_in(store_.mountpoint())) use_file(store_.path(name));
    });
    expect_served();
  }
};

TEST_F(HostileContent, HeadersAndTablesThatLie) {
  Files files;
  Container honest;
  FrameEncoder encoder;
  for (std::size_t i = 0; i < 4; ++i) {
    honest.add(encoder.encode(ByteSpan(content_).subspan(i * 131072, 131072), 3), 131072);
  }
  files["honest"] = honest.sealed();
  add_lying_headers(files, honest);
  add_lying_short_headers(files);
  add_lying_tables(files, encoder.encode(ByteSpan(content_).first(100), 3));
  add_lying_frames(files, honest);
  make_exabytes(store_.backing("exabytes"));
  expect_served_with(files);
}

TEST_F(HostileContent, Bombs) {
  Files files;
  add_bombs(files);
  expect_served_with(files);
}

TEST_F(HostileContent, TinyFrames) {
  Files files;
  add_tiny_frames(files);
  expect_served_with(files);
}

}  // namespace
}  // namespace zstdfs::mounttest
