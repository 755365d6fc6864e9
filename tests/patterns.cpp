#include "tests/patterns.hpp"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

namespace zstdfs::test {

std::uint64_t Random::next() {
  // splitmix64: a counter with a large odd step, and a mixing of its bits.
  state_ += 0x9E3779B97F4A7C15u;
  std::uint64_t mixed = state_;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
  return mixed ^ (mixed >> 31);
}

Bytes random_bytes(std::size_t bytes, std::uint64_t seed) {
  Random random(seed);
  Bytes out(bytes);
  std::size_t done = 0;
  for (; done + 8 <= bytes; done += 8) store_le(MutableByteSpan(out), done, random.next());
  for (; done < bytes; ++done) out[done] = static_cast<std::byte>(random.next());
  return out;
}

Bytes compressible_bytes(std::size_t bytes, std::uint64_t seed) {
  // Records as a program would write them: a running number, a few slowly changing fields, one
  // random field, and padding.
  Random random(seed);
  Bytes out;
  out.reserve(bytes + 32);
  std::uint64_t field = random.next();
  for (std::uint32_t number = 0; out.size() < bytes; ++number) {
    if (random.chance(10)) field = random.next();
    append_le(out, number);
    append_le(out, field);
    append_le(out, static_cast<std::uint32_t>(random.next()));
    append_le(out, field ^ seed);
    append_le(out, static_cast<std::uint16_t>(random.below(16)));
  }
  out.resize(bytes);
  return out;
}

Bytes text_bytes(std::size_t bytes, std::uint64_t seed) {
  Random random(seed);
  std::vector<std::string> words(400);
  for (std::string& word : words) {
    const std::size_t letters = 2 + random.below(9);
    for (std::size_t i = 0; i < letters; ++i) {
      word.push_back(static_cast<char>('a' + random.below(26)));
    }
  }
  std::string text;
  while (text.size() < bytes) {
    text += std::to_string(random.below(1'000'000));
    const std::size_t line_words = 3 + random.below(12);
    for (std::size_t i = 0; i < line_words; ++i) {
      // The square makes low numbers frequent, as in real languages.
      const std::uint64_t pick = random.below(20) * random.below(20);
      text += ' ';
      text += words[static_cast<std::size_t>(pick)];
    }
    text += '\n';
  }
  text.resize(bytes);
  return bytes_of(text);
}

Bytes bytes_of_any_kind(std::size_t bytes, Random& random) {
  switch (random.below(4)) {
    case 0:
      return random_bytes(bytes, random.next());
    case 1:
      return Bytes(bytes, static_cast<std::byte>(random.next()));
    case 2:
      return compressible_bytes(bytes, random.next());
    default:
      return text_bytes(bytes, random.next());
  }
}

Bytes bytes_of(std::string_view text) {
  Bytes out(text.size());
  std::transform(text.begin(), text.end(), out.begin(),
                 [](char letter) { return static_cast<std::byte>(letter); });
  return out;
}

Bytes overwritten(Bytes content, std::size_t offset, ByteSpan piece) {
  if (content.size() < offset + piece.size()) content.resize(offset + piece.size());
  std::copy(piece.begin(), piece.end(), content.begin() + static_cast<std::ptrdiff_t>(offset));
  return content;
}

Bytes with_hole(Bytes content, std::size_t from, std::size_t to) {
  std::fill(content.begin() + static_cast<std::ptrdiff_t>(from),
            content.begin() + static_cast<std::ptrdiff_t>(to), std::byte{0});
  return content;
}

std::uint64_t seeds(std::uint64_t usual) {
  const char* asked = std::getenv("ZSTDFS_SEEDS");
  return asked != nullptr ? std::strtoull(asked, nullptr, 10) : usual;
}

}  // namespace zstdfs::test
