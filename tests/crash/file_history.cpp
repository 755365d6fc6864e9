#include "tests/crash/file_history.hpp"

#include <algorithm>

#include "tests/crash/faulty_content.hpp"

namespace zstdfs::test {
namespace {

/// Whether `state` has these bytes at `offset`, or, beyond its end, zeros where that is allowed.
bool has_at(const Bytes& state, std::size_t offset, ByteSpan bytes, bool zeros_beyond) {
  if (state.size() < offset + bytes.size() && !zeros_beyond) return false;
  const std::size_t held =
      state.size() > offset ? std::min(bytes.size(), state.size() - offset) : 0;
  const auto at = state.begin() + static_cast<std::ptrdiff_t>(std::min(offset, state.size()));
  if (!std::equal(at, at + static_cast<std::ptrdiff_t>(held), bytes.begin())) return false;
  return std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(held), bytes.end(),
                     [](std::byte byte) { return byte == std::byte{0}; });
}

}  // namespace

bool FileHistory::may_be_empty() const {
  return std::any_of(states_.begin() + static_cast<std::ptrdiff_t>(synced_), states_.end(),
                     [](const Bytes& state) { return state.empty(); });
}

std::string FileHistory::complaint(const Bytes& found, Loss loss) const {
  const std::size_t promised = loss == Loss::kKill ? flushed_ : synced_;
  const auto first = states_.begin() + static_cast<std::ptrdiff_t>(promised);
  const auto by_size = [](const Bytes& a, const Bytes& b) { return a.size() < b.size(); };
  const auto [smallest, largest] = std::minmax_element(first, states_.end(), by_size);
  if (found.size() < smallest->size() || found.size() > largest->size()) {
    return "size " + std::to_string(found.size()) + ", promised " + std::to_string(first->size()) +
           ", possible " + std::to_string(smallest->size()) + " to " +
           std::to_string(largest->size());
  }
  for (std::size_t at = 0; at < found.size(); at += kSectorBytes) {
    const ByteSpan sector =
        ByteSpan(found).subspan(at, std::min<std::size_t>(kSectorBytes, found.size() - at));
    const bool known = std::any_of(first, states_.end(), [&](const Bytes& state) {
      return has_at(state, at, sector, loss == Loss::kPower);
    });
    if (known) continue;
    const bool zeros = std::all_of(sector.begin(), sector.end(),
                                   [](std::byte byte) { return byte == std::byte{0}; });
    const bool older = std::any_of(states_.begin(), first, [&](const Bytes& state) {
      return has_at(state, at, sector, false);
    });
    return "at " + std::to_string(at) + " of " + std::to_string(found.size()) + " (promised " +
           std::to_string(first->size()) + "): " +
           (older   ? "content from before what was promised"
            : zeros ? "zeros that were never there"
                    : "bytes that were never there");
  }
  return "";
}

}  // namespace zstdfs::test
