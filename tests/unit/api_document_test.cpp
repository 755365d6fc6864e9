#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <vector>

// docs/api.md says what python-zstandard's names are called here: all of them, and truly.

namespace zstdfs::test {
namespace {

std::string content_of(const std::string& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Row {
  std::string name;  // with the backquotes; what python-zstandard does not have is described
  std::string counterpart;
  std::string headers;
};

std::vector<Row> rows_of_the_document() {
  static const std::regex kRow(R"(\| (.+) \| (.+) \| (.+) \|)");
  std::vector<Row> rows;
  std::ifstream file(ZSTDFS_API_DOCUMENT);
  for (std::string line; std::getline(file, line);) {
    std::smatch match;
    if (!std::regex_match(line, match, kRow) || line.ends_with("| header |")) continue;
    rows.push_back({match[1], match[2], match[3]});
  }
  return rows;
}

/// What stands between backquotes.
std::vector<std::string> quoted(const std::string& text) {
  static const std::regex kQuoted("`([^`]+)`");
  std::vector<std::string> all;
  for (std::sregex_iterator at(text.begin(), text.end(), kQuoted), end; at != end; ++at) {
    all.push_back((*at)[1]);
  }
  return all;
}

TEST(ApiDocument, HasALineForEveryNameOfPythonZstandard) {
  std::vector<std::string> documented;
  for (const Row& row : rows_of_the_document()) {
    for (const std::string& name : quoted(row.name)) documented.push_back(name);
  }
  std::ifstream names(ZSTDFS_PYTHON_NAMES);
  std::size_t count = 0;
  for (std::string name; std::getline(names, name);) {
    if (name.starts_with('#')) continue;
    EXPECT_THAT(documented, testing::Contains(name));
    ++count;
  }
  EXPECT_GT(count, 200u);
}

void expect_declared(const std::string& name, const std::string& headers) {
  static const std::regex kLastPart(R"((\w+)(\(\))?$)");
  std::smatch last;
  ASSERT_TRUE(std::regex_search(name, last, kLastPart)) << name;
  std::string declared;
  for (const std::string& header : quoted(headers)) {
    declared += content_of(std::string(ZSTDFS_CORE_HEADERS) + "/" + header);
  }
  EXPECT_TRUE(std::regex_search(declared, std::regex("\\b" + last[1].str() + "\\b")))
      << name << " is not in " << headers;
}

// A line begins with the counterpart, more may follow; or it has none, and says why. What
// python-zstandard does not have has only names.
TEST(ApiDocument, NamesWhatTheHeadersDeclare) {
  for (const Row& row : rows_of_the_document()) {
    SCOPED_TRACE(row.name);
    if (row.counterpart.starts_with("none")) {
      EXPECT_GT(row.counterpart.size(), std::string("none: ").size());
      continue;
    }
    const std::vector<std::string> names = quoted(row.counterpart);
    ASSERT_FALSE(names.empty());
    const bool is_described = quoted(row.name).empty();
    for (const std::string& name : names) {
      expect_declared(name, row.headers);
      if (!is_described) break;
    }
  }
}

}  // namespace
}  // namespace zstdfs::test
