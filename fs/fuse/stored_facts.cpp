#include "fs/fuse/stored_facts.hpp"

#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "fs/fuse/system_error.hpp"

namespace zstdfs::fuse {
namespace {

constexpr std::string_view kPrefix = "user.zstdfs.stored.";

std::string ratio_of(const store::StoredFacts& facts) {
  if (facts.stored_bytes == 0) return "1.00";
  char text[32];
  std::snprintf(text, sizeof text, "%.2f",
                static_cast<double>(facts.logical_bytes) / static_cast<double>(facts.stored_bytes));
  return text;
}

/// One fact. Empty where the file has none such.
using Tell = std::string (*)(const store::StoredFacts&);
struct Fact {
  std::string_view name;
  Tell tell;
};

template <typename Number>
std::string of_container(const store::StoredFacts& facts, Number number) {
  return facts.is_container ? std::to_string(number) : std::string();
}

constexpr std::array kFacts = {
    Fact{"form",
         [](const store::StoredFacts& f) {
           return std::string(f.is_container ? "container" : "raw");
         }},
    Fact{"bytes", [](const store::StoredFacts& f) { return std::to_string(f.stored_bytes); }},
    Fact{"ratio", ratio_of},
    Fact{"level", [](const store::StoredFacts& f) { return of_container(f, f.settings.level); }},
    Fact{"chunk_size",
         [](const store::StoredFacts& f) { return of_container(f, f.settings.chunk_bytes); }},
    Fact{"dictionary",
         [](const store::StoredFacts& f) { return of_container(f, f.settings.dictionary_id); }},
    Fact{"frames", [](const store::StoredFacts& f) { return of_container(f, f.frames); }},
};

}  // namespace

bool is_stored_fact(std::string_view attribute) {
  return attribute.starts_with(kPrefix);
}

std::string stored_fact(Filesystem& fs, fuse_ino_t number, std::string_view attribute) {
  attribute.remove_prefix(kPrefix.size());
  Inode& inode = fs.inode(number);
  if (inode.type() == S_IFREG) {
    for (const Fact& fact : kFacts) {
      if (fact.name != attribute) continue;
      std::string value = fact.tell(fs.open(inode, store::ForWriting::kNo)->file().facts());
      if (!value.empty()) return value;
    }
  }
  throw_errno(ENODATA, "getxattr");
}

std::string listed_stored_facts(Filesystem& fs, fuse_ino_t number) {
  std::string names;
  Inode& inode = fs.inode(number);
  if (!fs.options().list_stored_facts || inode.type() != S_IFREG) return names;
  const store::StoredFacts facts = fs.open(inode, store::ForWriting::kNo)->file().facts();
  for (const Fact& fact : kFacts) {
    if (fact.tell(facts).empty()) continue;
    names.append(kPrefix).append(fact.name).push_back('\0');
  }
  return names;
}

}  // namespace zstdfs::fuse
