#include "tests/tools/sample_runs.hpp"

#include <filesystem>
#include <sstream>
#include <stdexcept>

#include "tests/patterns.hpp"
#include "tests/tools/command.hpp"
#include "tests/tools/container_builder.hpp"
#include "tests/tools/sample_records.hpp"

namespace zstdfs::test {
namespace {

constexpr const char* kRules = R"({"version": 1, "rules": [
  {"name": "big", "min_size": "1 GiB", "level": 19},
  {"path": "*.txt", "level": 9}]})";

/// Trained once: every store gets the same.
const Bytes& sample_dictionary() {
  static const Bytes kDictionary = [] {
    const TempStore store;
    store.write("records", sample_records(0, 2000));
    const CommandResult trained =
        run_zstdfs({"train", "--records", "lines", "--size", "4KiB", "--steps", "1", "--id",
                    "40000", "--output", store.path("dictionary"), store.path("records")});
    if (trained.exit_code != 0) throw std::runtime_error(trained.error);
    return read_file(store.path("dictionary"));
  }();
  return kDictionary;
}

}  // namespace

SampleStore::SampleStore() {
  std::filesystem::remove_all(outside_.path(".zstdfs"));  // That makes a directory of it.
  outside_.write("plain/file", "content");
  const Bytes content = compressible_bytes(300000, /*seed=*/1);
  Bytes container = container_of(content).sealed();
  store_.write("raw.txt", "a few bytes\n");
  store_.write("container.txt", container);
  container[container.size() / 2] ^= std::byte{1};
  store_.write("damaged.txt", container);
  store_.write("records.jsonl", sample_records(0, 2000));
  store_.write("new-rules.json", kRules);
  store_.write("dictionary", sample_dictionary());
  store_.write(".zstdfs/policy.json", kRules);
  const CommandResult imported = run_zstdfs({"dict", "import", path("dictionary"), path()});
  if (imported.exit_code != 0) throw std::runtime_error(imported.error);
}

std::vector<std::string> SampleRun::command_line(const std::vector<std::string>& more) const {
  std::vector<std::string> line;
  std::istringstream words(command);
  for (std::string word; words >> word;) line.push_back(word);
  line.insert(line.end(), arguments.begin(), arguments.end());
  line.insert(line.end(), more.begin(), more.end());
  return line;
}

std::vector<SampleRun> sample_runs(const SampleStore& store) {
  const std::string root = store.path();
  const std::string records = store.path("records.jsonl");
  const std::vector<std::string> files = {store.path("raw.txt"), store.path("container.txt")};
  return {
      {"info", files},
      {"info", {"--frames", files.back()}},
      {"usage", {root}},
      {"usage", {"--by", "owner", root}},
      {"usage", {"--top", "3", root}},
      {"advise", {"--level", "1", "--chunk-size", "128KiB", root}},
      {"fsck", {root}},
      {"scrub", {root}},
      {"fsck", {"--repair", "--dry-run", root}},
      {"fsck", {"--repair", root}},
      {"train", {"--records", "lines", "--size", "4KiB", "--steps", "1", records}},
      {"train",
       {"--records", "lines", "--size", "4KiB", "--steps", "1", "--install", root, "--saving",
        "bytes", records}},
      {"policy check", {root}},
      {"policy check", {store.path("raw.txt")}},
      {"policy explain", files},
      {"policy set", {store.path("new-rules.json"), root}},
      {"dict list", {"--uses", root}},
      {"dict import", {store.path("dictionary"), root}},
      {"dict export", {"40000", root, "--output", "-"}},
      {"dict rm", {"--dry-run", "40000", root}},
      {"dict gc", {root}},
      {"recompress", {"--level", "12", "--verbose", files.front(), files.back()}},
      {"decompress", {files.back()}},
      {"import", {store.path_outside("plain"), store.path_outside("imported")}},
      {"export", {root, store.path_outside("exported")}},
      {"batch compress", {records}},
      {"batch decompress", {"--suffix", ".txt", files.back()}},
  };
}

}  // namespace zstdfs::test
