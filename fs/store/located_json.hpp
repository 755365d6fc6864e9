#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace zstdfs::store {

/// Where something is in a text, as people count: from 1, columns in bytes.
struct TextPosition {
  std::size_t line = 1;
  std::size_t column = 1;
};
TextPosition position_of(std::string_view text, std::size_t offset);

/// A JSON value that knows where it was written. (nlohmann::json does not, so what is wrong with a
/// value could not be shown in the file.)
struct LocatedJson {
  enum class Kind { kNull, kBoolean, kInteger, kOtherNumber, kText, kList, kObject };
  struct Key {
    std::string name;
    std::size_t offset = 0;
  };

  Kind kind = Kind::kNull;
  std::size_t offset = 0;  ///< of its first byte
  bool boolean = false;
  std::int64_t integer = 0;  ///< kOtherNumber: a fraction, or too large for this
  std::string text{};
  std::vector<LocatedJson> items{};  ///< of a list, or an object's values
  std::vector<Key> keys{};           ///< of an object, one for each item; a name may come twice
};

/// Text that is not JSON.
class JsonError : public std::runtime_error {
 public:
  JsonError(std::size_t offset, const std::string& reason)
      : std::runtime_error(reason), offset_(offset) {}
  std::size_t offset() const { return offset_; }

 private:
  std::size_t offset_;
};

/// What a text may hold at most.
struct JsonLimits {
  std::size_t depth = 8;
  std::size_t values = 50000;
};

/// Reads JSON, in which comments like C++'s may stand. Throws JsonError.
LocatedJson parse_located_json(std::string_view text, JsonLimits limits);

}  // namespace zstdfs::store
