#pragma once

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace zstdfs::store {

/// A glob for paths below a store's root. The syntax is gitignore(5)'s, without what makes sense
/// only there (negation, "matches directories too"):
///
/// - without a '/', it is matched against the file's name, in whatever directory;
/// - with a '/', also one at its beginning only, against the whole path;
/// - `*` stands for any bytes but '/', `?` for one of them, `[a-z]` and `[!a-z]` for one of a class
///   (no named classes), `\` takes the next byte as it is;
/// - `**` between slashes stands for any number of directories, also none; at the end for
///   everything below. Elsewhere it is an error, because some take it for `*` and some do not.
///
/// Bytes are compared, not characters: `?` stands for one byte of a UTF-8 sequence. A name that
/// begins with a dot is not special. Immutable; any number of threads may match.
class PathPattern {
 public:
  /// Longer patterns are refused; also the longest path that the system takes.
  static constexpr std::size_t kMaxBytes = 4096;

  /// Throws std::invalid_argument with a reason for people.
  explicit PathPattern(std::string_view text);

  /// `path` is relative to the root, without a slash at its beginning. Takes at most time in the
  /// order of the pattern's length times the path's, and no memory.
  bool matches(std::string_view path) const;

  const std::string& text() const { return text_; }

 private:
  using ByteSet = std::bitset<256>;
  struct Token {
    enum class Kind : std::uint8_t { kByte, kAnyByte, kAnyBytes, kClass } kind = Kind::kByte;
    char byte = 0;            ///< of kByte
    std::uint16_t index = 0;  ///< of kClass, in classes_
  };
  /// A name of the path, or `**`.
  struct Component {
    bool any_directories = false;
    std::vector<Token> tokens;
  };

  Component compile(std::string_view component);
  Token compile_class(std::string_view component, std::size_t& at);
  bool matches_path(std::string_view path) const;
  bool matches_name(const Component& component, std::string_view name) const;
  bool matches_byte(const Token& token, char byte) const;

  // Constant after construction.
  std::string text_;
  bool whole_path_ = false;
  std::vector<Component> components_;
  std::vector<ByteSet> classes_;
};

}  // namespace zstdfs::store
