#include "fs/store/path_pattern.hpp"

#include <stdexcept>

namespace zstdfs::store {
namespace {

constexpr std::string_view kAnyDirectories = "**";

[[noreturn]] void refuse(const std::string& why) {
  throw std::invalid_argument(why);
}

/// Takes the next byte of a class, which `\` may stand before.
unsigned char take_class_byte(std::string_view text, std::size_t& at) {
  if (text[at] == '\\') ++at;
  if (at >= text.size()) refuse("has a '[' without its ']'");
  return static_cast<unsigned char>(text[at++]);
}

}  // namespace

PathPattern::PathPattern(std::string_view text) : text_(text) {
  if (text.empty()) refuse("is empty");
  if (text.size() > kMaxBytes) refuse("is longer than " + std::to_string(kMaxBytes) + " bytes");
  if (text.find('\0') != std::string_view::npos) refuse("contains a zero byte");
  if (text.ends_with('/')) refuse("ends with '/'; for everything below write '/**' at its end");
  whole_path_ = text.find('/') != std::string_view::npos;
  if (text.starts_with('/')) text.remove_prefix(1);
  for (;;) {
    const std::size_t slash = text.find('/');
    components_.push_back(compile(text.substr(0, slash)));
    if (slash == std::string_view::npos) break;
    text.remove_prefix(slash + 1);
  }
  if (!components_.back().any_directories) return;
  // What `**` at the end stands for ends with a file's name.
  whole_path_ = true;
  components_.push_back({.tokens = {{.kind = Token::Kind::kAnyBytes}}});
}

PathPattern::Component PathPattern::compile(std::string_view component) {
  if (component == kAnyDirectories) return {.any_directories = true, .tokens = {}};
  if (component.empty()) refuse("has two '/' in a row");
  if (component == "." || component == "..") refuse("contains '.' or '..', which no path has");
  Component out;
  for (std::size_t at = 0; at < component.size();) {
    char byte = component[at++];
    if (byte == '*') {
      if (component.substr(at).starts_with('*')) {
        refuse("has '**' that is not alone between slashes; write '*' within a name");
      }
      out.tokens.push_back({.kind = Token::Kind::kAnyBytes});
    } else if (byte == '?') {
      out.tokens.push_back({.kind = Token::Kind::kAnyByte});
    } else if (byte == '[') {
      out.tokens.push_back(compile_class(component, at));
    } else {
      if (byte == '\\' && at == component.size()) refuse("has nothing after a '\\'");
      if (byte == '\\') byte = component[at++];
      out.tokens.push_back({.kind = Token::Kind::kByte, .byte = byte});
    }
  }
  return out;
}

/// `at` is behind the '[', and then behind the ']'.
PathPattern::Token PathPattern::compile_class(std::string_view component, std::size_t& at) {
  ByteSet bytes;
  const bool negated =
      component.substr(at).starts_with('!') || component.substr(at).starts_with('^');
  if (negated) ++at;
  // A ']' that comes first is one of the class.
  for (bool first = true; at < component.size() && (first || component[at] != ']'); first = false) {
    if (component.substr(at).starts_with("[:")) {
      refuse("has a named class; write a range, such as [0-9]");
    }
    const unsigned char low = take_class_byte(component, at);
    unsigned char high = low;
    const std::string_view rest = component.substr(at);
    if (rest.size() >= 2 && rest[0] == '-' && rest[1] != ']') {
      ++at;
      high = take_class_byte(component, at);
    }
    if (high < low) refuse("has a range whose end comes before its beginning");
    for (unsigned byte = low; byte <= high; ++byte) bytes.set(byte);
  }
  if (at >= component.size()) refuse("has a '[' without its ']'");
  ++at;
  classes_.push_back(negated ? ~bytes : bytes);
  return {.kind = Token::Kind::kClass, .index = static_cast<std::uint16_t>(classes_.size() - 1)};
}

bool PathPattern::matches(std::string_view path) const {
  if (whole_path_) return matches_path(path);
  // npos + 1 is 0: a path without a slash is a name.
  return matches_name(components_.front(), path.substr(path.rfind('/') + 1));
}

// When something does not fit, the last `**` takes one more name, and what follows it is tried from
// there. An earlier `**` need not be tried again: it already left as much as it could to those
// behind it.
bool PathPattern::matches_path(std::string_view path) const {
  constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  const auto next_name = [&](std::size_t at) {
    const std::size_t slash = path.find('/', at);
    return slash == std::string_view::npos ? path.size() + 1 : slash + 1;
  };
  std::size_t next = 0;  // component
  std::size_t last_any = kNone;
  std::size_t last_any_end = 0;  // where in the path what it took ends
  for (std::size_t at = 0; at <= path.size();) {
    if (next < components_.size() && components_[next].any_directories) {
      last_any = next++;
      last_any_end = at;
      continue;
    }
    const std::size_t end = next_name(at);
    if (next < components_.size() &&
        matches_name(components_[next], path.substr(at, end - 1 - at))) {
      ++next;
      at = end;
      continue;
    }
    if (last_any == kNone) return false;
    last_any_end = next_name(last_any_end);
    at = last_any_end;
    next = last_any + 1;
  }
  return next == components_.size();
}

// As matches_path, with bytes for names and `*` for `**`.
bool PathPattern::matches_name(const Component& component, std::string_view name) const {
  constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  const std::vector<Token>& tokens = component.tokens;
  std::size_t next = 0;
  std::size_t last_any = kNone;
  std::size_t last_any_end = 0;
  for (std::size_t at = 0; at < name.size();) {
    if (next < tokens.size() && tokens[next].kind == Token::Kind::kAnyBytes) {
      last_any = next++;
      last_any_end = at;
    } else if (next < tokens.size() && matches_byte(tokens[next], name[at])) {
      ++next;
      ++at;
    } else if (last_any != kNone) {
      at = ++last_any_end;
      next = last_any + 1;
    } else {
      return false;
    }
  }
  while (next < tokens.size() && tokens[next].kind == Token::Kind::kAnyBytes) ++next;
  return next == tokens.size();
}

bool PathPattern::matches_byte(const Token& token, char byte) const {
  switch (token.kind) {
    case Token::Kind::kByte:
      return token.byte == byte;
    case Token::Kind::kAnyByte:
      return true;
    case Token::Kind::kAnyBytes:
      return false;
    case Token::Kind::kClass:
      return classes_[token.index].test(static_cast<unsigned char>(byte));
  }
  return false;
}

}  // namespace zstdfs::store
