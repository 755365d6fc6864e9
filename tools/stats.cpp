// `zstdfs stats`: what the daemon of a mount has done since it was mounted, and does now.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cmath>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>

#include "tools/command.hpp"
#include "tools/daemon_statistics.hpp"
#include "tools/display.hpp"
#include "tools/json_output.hpp"
#include "tools/named_errors.hpp"
#include "tools/shared_options.hpp"
#include "tools/stats_prometheus.hpp"
#include "tools/stats_report.hpp"

namespace zstdfs::tools {
namespace {

constexpr double kMinIntervalSeconds = 0.1;
constexpr double kMaxIntervalSeconds = 86'400;
constexpr const char* kDefaultInterval = "2";
constexpr const char* kHomeAndClear = "\x1b[H\x1b[J";

struct StatsOptions {
  std::string mount;
  std::string interval;  ///< of --watch, in seconds; empty without it
  bool json = false;
  bool prometheus = false;
};

/// Ctrl-C and what else ends a program, received while it waits and at no other time: so that it
/// ends between two outputs, and well.
class EndSignals {
 public:
  EndSignals() {
    ::sigemptyset(&set_);
    ::sigaddset(&set_, SIGINT);
    ::sigaddset(&set_, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &set_, nullptr);
  }

  /// Waits; false when the program is to end.
  bool wait(double seconds) const {
    const timespec time{.tv_sec = static_cast<time_t>(seconds),
                        .tv_nsec = static_cast<long>(std::fmod(seconds, 1.0) * 1e9)};
    int got = 0;
    do {
      got = ::sigtimedwait(&set_, nullptr, &time);
    } while (got < 0 && errno == EINTR);
    return got < 0;
  }

 private:
  sigset_t set_;
};

int watch(const StatsOptions& options) {
  const double seconds = std::stod(options.interval);
  const EndSignals signals;
  const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  DaemonStatistics last = ask_daemon(options.mount);
  if (terminal) {
    std::cout << kHomeAndClear;
    print_statistics(std::cout, last, std::nullopt);
  } else {
    std::cout << rates_heading() << '\n';
  }
  while (std::cout.flush() && signals.wait(seconds)) {
    DaemonStatistics now = ask_daemon(options.mount);
    const store::StatisticsReport interval = difference(now.report, last.report);
    if (terminal) {
      std::cout << kHomeAndClear;
      print_statistics(std::cout, now, interval);
    } else {
      std::cout << rates_line(interval) << '\n';
    }
    last = std::move(now);
  }
  return kExitOk;
}

int show(const StatsOptions& options) {
  if (!options.interval.empty()) return watch(options);
  const DaemonStatistics statistics = ask_daemon(options.mount);
  if (options.json) {
    print_json(to_json(statistics));
  } else if (options.prometheus) {
    print_prometheus(std::cout, statistics);
  } else {
    print_statistics(std::cout, statistics, std::nullopt);
  }
  return kExitOk;
}

int run_stats(const StatsOptions& options) {
  const auto failed = [&options](const std::string& why) {
    std::cerr << "zstdfs stats: " << printable(options.mount) << ": " << why << '\n';
    return kExitFailed;
  };
  try {
    return show(options);
  } catch (const std::system_error& error) {
    return failed(explain(error.code()));
  } catch (const std::runtime_error& error) {
    return failed(error.what());
  }
}

/// What is wrong with an interval; nothing when it is one.
std::string interval_problem(const std::string& text) {
  double seconds = 0;
  // What is no number at all compares as false.
  if (CLI::detail::lexical_cast(text, seconds) && seconds >= kMinIntervalSeconds &&
      seconds <= kMaxIntervalSeconds) {
    return {};
  }
  return "\"" + text + "\" is no number of seconds from 0.1 to 86400";
}

}  // namespace

void add_stats_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<StatsOptions>();  // shared with the callback
  CLI::App* command = app.add_subcommand("stats", "Show what the daemon of a mount does");
  command->add_option("MOUNT", options->mount, "A mount point, or something on the mount")
      ->required();
  // A flag that may have a value: an option would take the mount for its value.
  CLI::Option* const watch =
      command->add_flag(std::string("--watch{") + kDefaultInterval + "}", options->interval,
                        "Show rates, anew every 2 seconds or every =SECONDS, until Ctrl-C");
  watch->check(CLI::Validator(interval_problem, ""));
  CLI::Option* const json = add_json_option(*command, options->json);
  command
      ->add_flag("--prometheus", options->prometheus,
                 "Print the text exposition format of Prometheus")
      ->excludes(json)
      ->excludes(watch);
  json->excludes(watch);
  command->footer(
      "Examples:\n"
      "  zstdfs stats /srv/files\n"
      "  zstdfs stats --watch /srv/files\n"
      "  zstdfs stats --prometheus /srv/files > zstdfs.prom.new\n"
      "  mv zstdfs.prom.new /var/lib/prometheus/node-exporter/zstdfs.prom");
  // Taken here, so that it can be said what was meant.
  command->allow_extras();
  command->callback([options, command, &action] {
    const std::vector<std::string> extras = command->remaining();
    if (command->remaining_size() > 0) {
      if (interval_problem(options->mount).empty() && options->interval == kDefaultInterval) {
        throw CLI::ArgumentMismatch("the seconds belong to the option: --watch=" + options->mount);
      }
      throw CLI::ExtrasError(extras);
    }
    action = [options] { return run_stats(*options); };
  });
}

}  // namespace zstdfs::tools
