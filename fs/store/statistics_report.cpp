#include "fs/store/statistics_report.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace zstdfs::store {
namespace {

using Json = nlohmann::ordered_json;

struct NumberName {
  std::uint64_t StatisticsReport::*number;
  const char* name;
};
constexpr NumberName kNumbers[] = {
    {&StatisticsReport::since_s, "since"},
    {&StatisticsReport::uptime_ms, "uptime_ms"},
    {&StatisticsReport::open_files, "open_files"},
    {&StatisticsReport::unmerged_files, "unmerged_files"},
    {&StatisticsReport::known_inodes, "known_inodes"},
    {&StatisticsReport::change_bytes, "change_bytes"},
    {&StatisticsReport::cache_bytes, "cache_bytes"},
    {&StatisticsReport::journal_files, "journal_files"},
};

Json encode(const Latencies& latencies) {
  return {{"count", latencies.count()},
          {"sum_us", latencies.sum_us},
          {"max_us", latencies.max_us},
          {"p50_us", latencies.percentile_us(0.50)},
          {"p95_us", latencies.percentile_us(0.95)},
          {"p99_us", latencies.percentile_us(0.99)},
          {"buckets", latencies.buckets}};
}

Latencies decode_latencies(const Json& json) {
  Latencies latencies;
  json.at("sum_us").get_to(latencies.sum_us);
  json.at("max_us").get_to(latencies.max_us);
  json.at("buckets").get_to(latencies.buckets);
  return latencies;
}

}  // namespace

std::string encode_report(const StatisticsReport& report) {
  Json json;
  for (const NumberName& entry : kNumbers) json[entry.name] = report.*entry.number;
  for (const CountName& entry : kCountNames) json[std::string(entry.name)] = report.of(entry.count);
  json["commits"] = encode(report.commits);
  json["syncs"] = encode(report.syncs);
  json["operations"] = Json(report.operations);
  json["errors"] = Json(report.errors);
  return json.dump();
}

StatisticsReport decode_report(std::string_view text) {
  try {
    const Json json = Json::parse(text);
    StatisticsReport report;
    for (const NumberName& entry : kNumbers) json.at(entry.name).get_to(report.*entry.number);
    for (const CountName& entry : kCountNames) {
      json.at(std::string(entry.name)).get_to(report.counts[static_cast<std::size_t>(entry.count)]);
    }
    report.commits = decode_latencies(json.at("commits"));
    report.syncs = decode_latencies(json.at("syncs"));
    json.at("operations").get_to(report.operations);
    json.at("errors").get_to(report.errors);
    return report;
  } catch (const Json::exception& error) {
    throw std::runtime_error(std::string("not the statistics of a daemon: ") + error.what());
  }
}

}  // namespace zstdfs::store
