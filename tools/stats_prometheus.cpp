#include "tools/stats_prometheus.hpp"

#include <array>
#include <cstdio>
#include <ostream>
#include <string>
#include <string_view>

namespace zstdfs::tools {
namespace {

using store::Count;
using store::Latencies;
using store::StatisticsReport;

struct CountMetric {
  Count count;
  const char* name;
  const char* help;
};
constexpr CountMetric kCountMetrics[] = {
    {Count::kBytesRead, "zstdfs_read_bytes_total",
     "Bytes that programs read, without what the kernel's page cache had."},
    {Count::kBytesWritten, "zstdfs_written_bytes_total", "Bytes that programs wrote."},
    {Count::kContentBytesCompressed, "zstdfs_compressed_content_bytes_total",
     "Bytes of content that were compressed."},
    {Count::kFrameBytesMade, "zstdfs_compressed_frame_bytes_total",
     "Bytes of the frames that compressed content became."},
    {Count::kFrameBytesRead, "zstdfs_decompressed_frame_bytes_total",
     "Bytes of the frames that were decompressed."},
    {Count::kContentBytesDecompressed, "zstdfs_decompressed_content_bytes_total",
     "Bytes of content that decompressed frames became."},
    {Count::kCacheHits, "zstdfs_frame_cache_hits_total",
     "Frames that were found in the cache of decompressed frames."},
    {Count::kCacheMisses, "zstdfs_frame_cache_misses_total", "Frames that had to be decompressed."},
    {Count::kFilesFirstStoredRaw, "zstdfs_files_first_stored_raw_total",
     "New files that were stored raw."},
    {Count::kFilesFirstStoredCompressed, "zstdfs_files_first_stored_compressed_total",
     "New files that were stored compressed."},
    {Count::kFilesConverted, "zstdfs_files_converted_total",
     "Raw files that were compressed later."},
    {Count::kMerges, "zstdfs_merges_total", "Merges of changes into the frames of a file."},
    {Count::kMergedBytes, "zstdfs_merged_bytes_total", "Bytes that merges wrote."},
    {Count::kRecompressions, "zstdfs_recompressions_total",
     "Files that were stored anew because they were asked to be."},
};

struct Gauge {
  std::uint64_t StatisticsReport::*number;
  const char* name;
  const char* help;
};
constexpr Gauge kGauges[] = {
    {&StatisticsReport::since_s, "zstdfs_start_time_seconds",
     "When the counters began, in Unix time."},
    {&StatisticsReport::open_files, "zstdfs_open_files", "Files that programs have open."},
    {&StatisticsReport::unmerged_files, "zstdfs_unmerged_files",
     "Closed files whose changes are yet to be merged."},
    {&StatisticsReport::known_inodes, "zstdfs_known_inodes", "Inodes that the kernel knows."},
    {&StatisticsReport::change_bytes, "zstdfs_change_bytes", "Memory that changes take."},
    {&StatisticsReport::cache_bytes, "zstdfs_frame_cache_bytes",
     "Memory that decompressed frames take."},
    {&StatisticsReport::journal_files, "zstdfs_journal_files", "Files of the journal."},
};

/// A label's value as the format has it.
std::string escaped(std::string_view value) {
  std::string text;
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    text += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return text;
}

/// Microseconds as seconds, exactly.
std::string seconds(std::uint64_t us) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%llu.%06llu",
                static_cast<unsigned long long>(us / 1'000'000),
                static_cast<unsigned long long>(us % 1'000'000));
  return text.data();
}

class Exposition {
 public:
  Exposition(std::ostream& out, const std::string& mount_point)
      : out_(out), mount_("mount=\"" + escaped(mount_point) + "\"") {}

  void family(const char* name, const char* type, const char* help) {
    out_ << "# HELP " << name << ' ' << help << "\n# TYPE " << name << ' ' << type << '\n';
  }
  void sample(const std::string& name, const std::string& value, const std::string& label = "") {
    out_ << name << '{' << mount_ << (label.empty() ? "" : "," + label) << "} " << value << '\n';
  }
  void number(const char* name, const char* type, const char* help, std::uint64_t value) {
    family(name, type, help);
    sample(name, std::to_string(value));
  }
  void by_label(const char* name, const char* help, const char* label,
                const std::map<std::string, std::uint64_t>& counts) {
    family(name, "counter", help);
    for (const auto& [value, count] : counts) {
      sample(name, std::to_string(count), std::string(label) + "=\"" + escaped(value) + "\"");
    }
  }
  void histogram(const std::string& name, const char* help, const Latencies& latencies) {
    family(name.c_str(), "histogram", help);
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < Latencies::kBuckets; ++i) {
      count += latencies.buckets[i];
      // The last bucket has no bound.
      const bool last = i + 1 == Latencies::kBuckets;
      const std::string bound = last ? "+Inf" : seconds(Latencies::bound_us(i));
      sample(name + "_bucket", std::to_string(count), "le=\"" + bound + "\"");
    }
    sample(name + "_sum", seconds(latencies.sum_us));
    sample(name + "_count", std::to_string(count));
  }

 private:
  std::ostream& out_;
  const std::string mount_;
};

}  // namespace

void print_prometheus(std::ostream& out, const DaemonStatistics& statistics) {
  const StatisticsReport& report = statistics.report;
  Exposition exposition(out, statistics.mount_point);
  for (const CountMetric& metric : kCountMetrics) {
    exposition.number(metric.name, "counter", metric.help, report.of(metric.count));
  }
  exposition.by_label("zstdfs_operations_total", "Operations that the kernel asked for.",
                      "operation", report.operations);
  exposition.by_label("zstdfs_errors_total", "Operations that were answered with an error.",
                      "error", report.errors);
  exposition.histogram("zstdfs_commit_duration_seconds",
                       "How long it took to store changes that were in memory.", report.commits);
  exposition.histogram("zstdfs_sync_duration_seconds", "How long it took to make a file durable.",
                       report.syncs);
  for (const Gauge& gauge : kGauges) {
    exposition.number(gauge.name, "gauge", gauge.help, report.*gauge.number);
  }
}

}  // namespace zstdfs::tools
