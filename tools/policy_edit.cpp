#include "tools/policy_edit.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "fs/store/policy_parse.hpp"

namespace zstdfs::tools {
namespace {

/// Goes over the tokens of a JSON text that is known to be valid, comments left out. A token is a
/// whole string, or a single character of anything else.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) {}

  /// The next token; empty at the end. Its end is at offset().
  std::string_view next() {
    skip_space_and_comments();
    if (at_ >= text_.size()) return {};
    const std::size_t begin = at_;
    if (text_[at_++] == '"') {
      while (text_[at_] != '"') at_ += text_[at_] == '\\' ? std::size_t{2} : std::size_t{1};
      ++at_;
    }
    return text_.substr(begin, at_ - begin);
  }
  std::size_t offset() const { return at_; }

 private:
  void skip_space_and_comments() {
    while (at_ < text_.size()) {
      const std::string_view rest = text_.substr(at_);
      if (rest.starts_with("//")) {
        at_ += std::min(rest.find('\n'), rest.size());
      } else if (rest.starts_with("/*")) {
        at_ += rest.find("*/", 2) + 2;
      } else if (std::string_view(" \t\r\n").find(rest.front()) != std::string_view::npos) {
        ++at_;
      } else {
        return;
      }
    }
  }

  const std::string_view text_;
  std::size_t at_ = 0;
};

/// Where in a policy the first rule begins, or would begin; nothing when it has no list of rules.
std::size_t find_rules(std::string_view text) {
  Tokens tokens(text);
  int depth = 0;
  for (std::string_view token = tokens.next(); !token.empty(); token = tokens.next()) {
    if (token == "{" || token == "[") ++depth;
    if (token == "}" || token == "]") --depth;
    if (depth == 1 && token == "\"rules\"") {
      tokens.next();  // the colon
      tokens.next();  // the bracket
      return tokens.offset();
    }
  }
  return std::string_view::npos;
}

}  // namespace

std::string with_first_rule(const std::string& text, const std::string& file,
                            const std::string& rule) {
  if (text.empty()) return "{\n  \"version\": 1,\n  \"rules\": [\n    " + rule + "\n  ]\n}\n";
  store::parse_policy(text, file, store::SystemAccounts());  // Throws.
  std::string edited = text;
  const std::size_t at = find_rules(text);
  if (at == std::string::npos) {
    Tokens tokens(text);
    tokens.next();  // the brace
    edited.insert(tokens.offset(), "\n  \"rules\": [\n    " + rule + "\n  ],");
    return edited;
  }
  Tokens rest(std::string_view(text).substr(at));
  const bool only_one = rest.next() == "]";
  edited.insert(at, "\n    " + rule + (only_one ? "\n  " : ","));
  return edited;
}

}  // namespace zstdfs::tools
