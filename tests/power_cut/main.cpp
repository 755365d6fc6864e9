// Loses power under a real daemon on a real filesystem: tests/power_cut.sh says how to run it, and
// docs/testing.md what it does.

#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <optional>

#include "tests/power_cut/mounts.hpp"
#include "tests/power_cut/replay.hpp"

namespace zstdfs::powercut {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kCutsOfARecording = 150;
constexpr std::size_t kDefaultCuts = 300;
/// The first violations tell enough.
constexpr int kMaxViolations = 5;

struct Options {
  SessionOptions session;
  std::optional<double> minutes;
  std::optional<std::size_t> cuts;
  std::string keep;
  std::string replay;
};

class Run {
 public:
  explicit Run(Options options)
      : options_(std::move(options)), seed_(options_.session.seed), begin_(Clock::now()) {
    if (!options_.cuts && !options_.minutes) options_.cuts = kDefaultCuts;
  }

  /// Returns the exit status.
  int go() {
    if (!options_.keep.empty()) std::filesystem::create_directories(options_.keep);
    for (; wanted() > 0; ++seed_) {
      const mounttest::TempDir scratch;
      const std::string directory = options_.replay.empty() ? scratch / "session" : options_.replay;
      if (options_.replay.empty()) {
        std::filesystem::create_directory(directory);
        record_or_explain(directory);
      }
      replay(directory, scratch.path());
      if (violations_ > 0 || !options_.replay.empty()) break;
    }
    std::printf("%zu cuts checked on %s, %d violations\n", checked_,
                options_.session.filesystem.c_str(), violations_);
    return violations_ == 0 && checked_ > 0 ? 0 : 1;
  }

 private:
  double minutes_gone() const {
    return std::chrono::duration<double>(Clock::now() - begin_).count() / 60;
  }
  /// How many cuts there are to make of the next recording.
  std::size_t wanted() const {
    if (options_.minutes && minutes_gone() >= *options_.minutes) return 0;
    const std::size_t left = options_.cuts ? *options_.cuts - checked_ : kCutsOfARecording;
    return std::min(left, kCutsOfARecording);
  }

  void record_or_explain(const std::string& directory) const {
    try {
      SessionOptions session = options_.session;
      session.seed = seed_;
      record(session, directory);
    } catch (const std::exception& error) {
      const std::string log = directory + "/daemon.log";
      if (!options_.keep.empty() && mounttest::exists(log)) {
        copy_image(log, options_.keep + "/daemon.log");
      }
      throw std::runtime_error("with seed " + std::to_string(seed_) +
                               " the workloads do not get through: " + error.what());
    }
  }

  void replay(const std::string& directory, const std::string& scratch) {
    Replay replay(options_.session, directory, scratch);
    describe(replay.recording());
    for (const Cut& cut : choose_cuts(replay.recording(), wanted(), seed_)) {
      if (options_.minutes && minutes_gone() >= *options_.minutes) break;
      const std::string found = options_.keep.empty() ? "" : options_.keep + "/found.img";
      const Complaints complaints = replay.inspect_cut(cut, found);
      ++checked_;
      if (complaints.empty()) continue;
      report(cut, complaints);
      if (!options_.keep.empty()) keep(cut, directory, scratch);
      if (++violations_ >= kMaxViolations) break;
    }
    if (!options_.keep.empty()) std::filesystem::remove(options_.keep + "/found.img");
  }

  void describe(const Recording& recording) const {
    std::size_t writes = 0, flushes = 0, marks = 0;
    for (const Record& record : recording.records()) {
      writes += record.kind == RecordKind::kWrite ? 1 : 0;
      flushes += record.kind == RecordKind::kFlush ? 1 : 0;
      marks += record.kind == RecordKind::kMark ? 1 : 0;
    }
    std::printf("seed %llu, %s: %zu writes, %zu flushes, %zu marks were recorded\n",
                static_cast<unsigned long long>(seed_), options_.session.filesystem.c_str(), writes,
                flushes, marks);
    std::fflush(stdout);
  }

  void report(const Cut& cut, const Complaints& complaints) const {
    std::printf("VIOLATION with seed %llu, power lost %s:\n",
                static_cast<unsigned long long>(seed_), cut.describe().c_str());
    for (const std::string& text : complaints) std::printf("  %s\n", text.c_str());
    std::fflush(stdout);
  }

  /// The recording, and the disk as it was found before anything repaired it.
  void keep(const Cut& cut, const std::string& directory, const std::string& scratch) const {
    const std::string image = options_.keep + "/cut-" + std::to_string(cut.position) + ".img";
    std::filesystem::rename(options_.keep + "/found.img", image);
    copy_image(scratch + "/cut-daemon.log", image + ".log");
    if (violations_ > 0 || !options_.replay.empty()) return;
    copy_image(initial_image(directory), initial_image(options_.keep));
    copy_image(recording_file(directory), recording_file(options_.keep));
  }

  Options options_;
  std::uint64_t seed_;
  Clock::time_point begin_;
  std::size_t checked_ = 0;
  int violations_ = 0;
};

int run(int argc, char** argv) {
  Options options;
  CLI::App app(
      "Records what a mount of zstdfs does to a disk, and checks what losses of power leave.");
  app.add_option("--filesystem", options.session.filesystem, "the lower filesystem")
      ->check(CLI::IsMember({"ext4", "xfs", "btrfs"}));
  app.add_option("--seed", options.session.seed, "of the workloads and the cuts");
  app.add_option("--seconds", options.session.seconds, "how long a recording takes");
  app.add_option("--cuts", options.cuts, "how many");
  app.add_option("--minutes", options.minutes, "how long, with as many recordings as it takes");
  app.add_option("--keep", options.keep,
                 "a directory for the recording and the disk of a violation");
  app.add_option("--replay", options.replay, "a directory where a recording was kept");
  app.add_flag(
      "--native", options.session.native,
      "without zstdfs: shows that the test asks for no more than the lower filesystem keeps");
  app.add_flag("--without-syncs", options.session.without_syncs,
               "the daemon's syncs do nothing: shows that the test finds it");
  CLI11_PARSE(app, argc, argv);
  // The first process of a namespace is not ended by signals that it does not handle.
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    ::signal(number, [](int caught) { ::_exit(128 + caught); });
  }
  require_own_namespaces();
  return Run(std::move(options)).go();
}

}  // namespace
}  // namespace zstdfs::powercut

int main(int argc, char** argv) {
  try {
    return zstdfs::powercut::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "power-cut: %s\n", error.what());
    return 1;
  }
}
