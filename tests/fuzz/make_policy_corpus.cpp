#include "tests/fuzz/corpus.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::fuzz {

void add_policy_corpus(const Corpus& corpus) {
  const auto add = [&](const char* name, const char* text) {
    corpus.add("policy", name, test::bytes_of(text));
  };
  add("nothing-decided", "{\"version\": 1}");
  add("every-key",
      "// comment\n{\"$schema\":\"s\",\"version\":1,\"rules\":[{\"name\":\"a\",\"path\":[\"/var/**/"
      "*.log\",\"[!a-c]?\"],\"min_size\":\"4 "
      "KiB\",\"max_size\":1048576,\"owner\":\"abc\",\"group\":"
      "4,\"store\":\"compressed\",\"saving\":\"bytes\",\"level\":-7,\"chunk_size\":\"256 KiB\","
      "\"dictionary\":4294967295,\"long_distance_matching\":true}/* , */,{\"store\":\"raw\"}],"
      "\"defaults\":{\"level\":12}}");
  add("level-too-high", "{\"version\":1,\n \"rules\":[{\"level\":40}]}");
  add("key-twice", "{\"version\":1,\"version\":1}");
  add("deep", "{\"version\":1,\"rules\":[[[[[[[[[");
  add("comment-without-end", "{\"version\":1 /* ");
  add("number-before-comment", "{\"version\":1/**/,\"defaults\":{\"level\":3.5//\n}}");
  add("byte-order-mark", "\xEF\xBB\xBF{\"version\": 2}");
  add("escapes", "{\"version\":1,\"rules\":[{\"path\":\"\\u00e4\\\"\\\\\\\\*\"}]}");
  add("pattern", "/a/**/[!b-d\\]]*?\\*/**");
  add("pattern-of-stars", "a*a*a*a*a*a*b");
  add("class-without-end", "[]a-");
  add("size", "16 MiB");
  add("size-too-large", "18446744073709551615 TiB");
}

}  // namespace zstdfs::fuzz
