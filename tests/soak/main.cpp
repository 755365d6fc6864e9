// The soak: many processes work on a mount whose daemon is killed and whose disk runs full, and
// know what they were promised. See tests/soak.sh.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>

#include "tests/mount/files.hpp"
#include "tests/soak/director.hpp"

namespace {

std::string make_scratch() {
  const char* base = std::getenv("TMPDIR");
  std::string path =
      std::string(base != nullptr && *base != '\0' ? base : "/tmp") + "/zstdfs-soak.XXXXXX";
  if (::mkdtemp(path.data()) == nullptr) zstdfs::mounttest::check(-1, path);
  return path;
}

int run(int argc, char** argv) {
  using namespace zstdfs::soak;
  SoakOptions options;
  options.seed = std::random_device()();
  CLI::App app("Many processes, all operations, kill -9 and a full disk, against a model.", "soak");
  app.add_option("minutes", options.minutes, "How long to work")->check(CLI::PositiveNumber);
  app.add_option("--seed", options.seed, "What all that is random comes from");
  app.add_option("--filesystem", options.filesystem, "The lower filesystem")
      ->check(CLI::IsMember({"ext4", "xfs", "btrfs"}));
  app.add_option("--workers", options.workers, "How many processes")
      ->check(CLI::Range(1, kMaxWorkers));
  app.add_option("--megabytes", options.megabytes, "The size of the disk")
      ->check(CLI::Range(320, 100000));
  CLI11_PARSE(app, argc, argv);
  if (::access("/dev/fuse", F_OK) != 0) {
    std::cerr << "soak: /dev/fuse is missing\n";
    return 1;
  }
  const std::string scratch = make_scratch();
  std::cout << "seed " << options.seed << ", " << scratch << "\n" << std::flush;
  bool kept_promises = false;
  {
    Director director(options, scratch);
    kept_promises = director.run();
  }
  std::filesystem::remove(scratch + "/image");
  if (kept_promises) std::filesystem::remove_all(scratch);
  return kept_promises ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "soak: " << error.what() << "\n";
    return 1;
  }
}
