#include "tools/stats_report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>
#include <ostream>
#include <utility>
#include <vector>

#include "tools/display.hpp"

namespace zstdfs::tools {
namespace {

using Json = nlohmann::ordered_json;
using store::Count;
using store::Latencies;
using store::StatisticsReport;
using NamedCounts = std::map<std::string, std::uint64_t>;

std::uint64_t sum(const NamedCounts& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0},
                         [](std::uint64_t n, const auto& entry) { return n + entry.second; });
}

double per_second(std::uint64_t amount, const StatisticsReport& interval) {
  const double seconds = static_cast<double>(std::max<std::uint64_t>(1, interval.uptime_ms)) / 1000;
  return static_cast<double>(amount) / seconds;
}

std::string percent(std::uint64_t part, std::uint64_t other_part) {
  if (part + other_part == 0) return "-";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %%",
                100 * static_cast<double>(part) / static_cast<double>(part + other_part));
  return text.data();
}

std::string format_rate(double rate) {
  std::array<char, 32> text{};
  if (rate >= 100) return format_count(static_cast<std::uint64_t>(rate));
  std::snprintf(text.data(), text.size(), "%.1f", rate);
  return text.data();
}

/// "read 1,234, write 56": the most frequent ones first.
std::string list(const NamedCounts& counts) {
  constexpr std::size_t kShown = 6;
  std::vector<std::pair<std::string, std::uint64_t>> sorted(counts.begin(), counts.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (std::size_t i = 0; i < std::min(kShown, sorted.size()); ++i) {
    if (i > 0) text += ", ";
    text += printable(sorted[i].first) + " " + format_count(sorted[i].second);
  }
  return sorted.size() > kShown ? text + ", ..." : text;
}

std::string describe(const Latencies& latencies) {
  if (latencies.count() == 0) return "";
  return "p50 " + format_latency(latencies.percentile_us(0.50)) + ", p95 " +
         format_latency(latencies.percentile_us(0.95)) + ", p99 " +
         format_latency(latencies.percentile_us(0.99)) + ", max " +
         format_latency(latencies.max_us);
}

/// The table for people, filled row by row.
class Rows {
 public:
  Rows(const StatisticsReport& report, const std::optional<StatisticsReport>& interval)
      : report_(report), interval_(interval), table_(columns(interval.has_value())) {}

  void group(const std::string& title) { row(title, "", "", ""); }
  void count(const std::string& title, Count count, const std::string& note = "") {
    number(title, report_.of(count), interval_ ? interval_->of(count) : 0, note);
  }
  void number(const std::string& title, std::uint64_t total, std::uint64_t in_interval,
              const std::string& note = "") {
    row("  " + title, format_count(total), rate(in_interval, &format_rate), note);
  }
  void bytes(const std::string& title, Count count, const std::string& note = "") {
    const auto format = [](double rate) { return format_bytes(static_cast<std::uint64_t>(rate)); };
    row("  " + title, format_bytes(report_.of(count)),
        rate(interval_ ? interval_->of(count) : 0, format), note);
  }
  void latencies(const std::string& title, Latencies StatisticsReport::*which) {
    const Latencies& shown = interval_ ? (*interval_).*which : report_.*which;
    number(title, (report_.*which).count(), shown.count(), describe(shown));
  }
  void now(const std::string& title, const std::string& value) { row("  " + title, value, "", ""); }
  void print(std::ostream& out) const { table_.print(out); }

 private:
  static std::vector<Table::Column> columns(bool with_rates) {
    std::vector<Table::Column> columns{{"", Align::kLeft}, {"TOTAL"}};
    if (with_rates) columns.push_back({"PER SECOND"});
    columns.push_back({"", Align::kLeft});
    return columns;
  }
  template <typename Format>
  std::string rate(std::uint64_t amount, const Format& format) const {
    return interval_ ? format(per_second(amount, *interval_)) : "";
  }
  void row(const std::string& title, const std::string& total, const std::string& rate,
           const std::string& note) {
    std::vector<std::string> cells{title, total};
    if (interval_) cells.push_back(rate);
    cells.push_back(note);
    table_.add_row(std::move(cells));
  }

  const StatisticsReport& report_;
  const std::optional<StatisticsReport>& interval_;
  Table table_;
};

std::string format_uptime(std::uint64_t ms) {
  const std::uint64_t minutes = ms / 60'000;
  if (minutes == 0) return std::to_string(ms / 1000) + " s";
  if (minutes < 60) return std::to_string(minutes) + " min";
  if (minutes < 60 * 24) {
    return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min";
  }
  return std::to_string(minutes / 60 / 24) + " d " + std::to_string(minutes / 60 % 24) + " h";
}

}  // namespace

std::string format_latency(std::uint64_t us) {
  if (us < 1000) return std::to_string(us) + " us";
  std::array<char, 32> text{};
  const double ms = static_cast<double>(us) / 1000;
  std::snprintf(text.data(), text.size(), ms < 1000 ? "%.1f ms" : "%.1f s",
                ms < 1000 ? ms : ms / 1000);
  return text.data();
}

StatisticsReport difference(const StatisticsReport& now, const StatisticsReport& before) {
  if (now.uptime_ms < before.uptime_ms) return now;
  StatisticsReport interval = now;
  interval.uptime_ms -= before.uptime_ms;
  for (std::size_t i = 0; i < store::kCounts; ++i) interval.counts[i] -= before.counts[i];
  interval.commits = now.commits.since(before.commits);
  interval.syncs = now.syncs.since(before.syncs);
  for (const auto& [name, count] : before.operations) interval.operations[name] -= count;
  for (const auto& [name, count] : before.errors) interval.errors[name] -= count;
  return interval;
}

Json to_json(const DaemonStatistics& statistics) {
  Json json = {{"mount", statistics.mount_point}};
  json.update(Json::parse(store::encode_report(statistics.report)));
  return json;
}

void print_statistics(std::ostream& out, const DaemonStatistics& statistics,
                      const std::optional<StatisticsReport>& last_interval) {
  const StatisticsReport& report = statistics.report;
  const StatisticsReport& latest = last_interval ? *last_interval : report;
  out << printable(statistics.mount_point) << ", mounted for " << format_uptime(report.uptime_ms)
      << "\n";
  Rows rows(report, last_interval);
  rows.group("PROGRAMS");
  rows.bytes("read", Count::kBytesRead);
  rows.bytes("written", Count::kBytesWritten);
  rows.number("operations", sum(report.operations), sum(latest.operations),
              list(report.operations));
  rows.number("errors", sum(report.errors), sum(latest.errors), list(report.errors));
  rows.group("COMPRESSION");
  rows.bytes("compressed", Count::kContentBytesCompressed,
             "ratio " + format_ratio(latest.of(Count::kContentBytesCompressed),
                                     latest.of(Count::kFrameBytesMade)));
  rows.bytes("to frames of", Count::kFrameBytesMade);
  rows.bytes("frames read", Count::kFrameBytesRead);
  rows.bytes("decompressed to", Count::kContentBytesDecompressed);
  rows.count("frame cache hits", Count::kCacheHits,
             percent(latest.of(Count::kCacheHits), latest.of(Count::kCacheMisses)));
  rows.count("frame cache misses", Count::kCacheMisses);
  rows.group("STORING");
  rows.count("files stored compressed", Count::kFilesFirstStoredCompressed);
  rows.count("files stored raw", Count::kFilesFirstStoredRaw);
  rows.count("compressed later", Count::kFilesConverted);
  rows.latencies("commits", &StatisticsReport::commits);
  rows.latencies("syncs", &StatisticsReport::syncs);
  rows.count("merges", Count::kMerges);
  rows.bytes("written by merges", Count::kMergedBytes);
  rows.count("recompressions", Count::kRecompressions);
  rows.group("NOW");
  rows.now("open files", format_count(report.open_files));
  rows.now("closed files to be merged", format_count(report.unmerged_files));
  rows.now("known inodes", format_count(report.known_inodes));
  rows.now("changes in memory", format_bytes(report.change_bytes));
  rows.now("frame cache", format_bytes(report.cache_bytes));
  rows.now("journal files", format_count(report.journal_files));
  rows.print(out);
}

std::string rates_heading() {
  return "      READ/s   WRITTEN/s       OPS/s    ERRORS/s   RATIO   HITS    COMMITS/s  COMMIT p99"
         "     SYNCS/s    SYNC p99";
}

std::string rates_line(const StatisticsReport& interval) {
  const auto bytes = [&](Count count) {
    return format_bytes(static_cast<std::uint64_t>(per_second(interval.of(count), interval)));
  };
  const auto rate = [&](std::uint64_t amount) { return format_rate(per_second(amount, interval)); };
  const auto p99 = [](const Latencies& latencies) {
    return latencies.count() == 0 ? "-" : format_latency(latencies.percentile_us(0.99));
  };
  std::array<char, 256> line{};
  std::snprintf(
      line.data(), line.size(), "%12s%12s%12s%12s%8s%8s%12s%12s%12s%12s",
      bytes(Count::kBytesRead).c_str(), bytes(Count::kBytesWritten).c_str(),
      rate(sum(interval.operations)).c_str(), rate(sum(interval.errors)).c_str(),
      format_ratio(interval.of(Count::kContentBytesCompressed), interval.of(Count::kFrameBytesMade))
          .c_str(),
      percent(interval.of(Count::kCacheHits), interval.of(Count::kCacheMisses)).c_str(),
      rate(interval.commits.count()).c_str(), p99(interval.commits).c_str(),
      rate(interval.syncs.count()).c_str(), p99(interval.syncs).c_str());
  return line.data();
}

}  // namespace zstdfs::tools
