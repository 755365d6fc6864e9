// Counters, latencies, and what a store counts of its work.

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "fs/store/control.hpp"
#include "fs/store/statistics.hpp"
#include "tests/unit/store_fixture.hpp"

namespace zstdfs::test {
namespace {

using std::chrono::microseconds;
using store::Count;
using store::Latencies;
using store::StatisticsReport;

TEST(Counters, AddUpWhatAllThreadsCount) {
  store::Counters<2> counters;
  std::vector<std::thread> threads;
  for (int i = 0; i < 20; ++i) {
    threads.emplace_back([&counters] {
      for (int n = 0; n < 1000; ++n) counters.add(1, 3);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counters.total(0), 0);
  EXPECT_EQ(counters.total(1), 20 * 1000 * 3);
}

TEST(LatencyHistogram, ABucketEndsAtAPowerOfTwo) {
  store::LatencyHistogram histogram;
  for (const int us : {0, 1, 2, 3, 4, 5, 1024, 1025}) histogram.add(microseconds(us));
  const Latencies latencies = histogram.now();
  EXPECT_EQ(latencies.buckets[0], 2);   // 0, 1
  EXPECT_EQ(latencies.buckets[1], 1);   // 2
  EXPECT_EQ(latencies.buckets[2], 2);   // 3, 4
  EXPECT_EQ(latencies.buckets[3], 1);   // 5
  EXPECT_EQ(latencies.buckets[10], 1);  // 1024
  EXPECT_EQ(latencies.buckets[11], 1);  // 1025
  EXPECT_EQ(latencies.count(), 8);
  EXPECT_EQ(latencies.sum_us, 2064);
  EXPECT_EQ(latencies.max_us, 1025);
}

TEST(LatencyHistogram, WhatTakesVeryLongIsInTheLastBucket) {
  store::LatencyHistogram histogram;
  histogram.add(std::chrono::hours(1));
  const Latencies latencies = histogram.now();
  EXPECT_EQ(latencies.buckets.back(), 1);
  EXPECT_EQ(latencies.percentile_us(0.5), 3'600'000'000);
}

TEST(LatencyHistogram, Percentiles) {
  store::LatencyHistogram histogram;
  EXPECT_EQ(histogram.now().percentile_us(0.5), 0);
  for (int i = 0; i < 94; ++i) histogram.add(microseconds(100));
  for (int i = 0; i < 5; ++i) histogram.add(microseconds(1000));
  histogram.add(microseconds(5000));
  const Latencies latencies = histogram.now();
  EXPECT_EQ(latencies.percentile_us(0.50), 128);
  EXPECT_EQ(latencies.percentile_us(0.94), 128);
  EXPECT_EQ(latencies.percentile_us(0.95), 1024);
  EXPECT_EQ(latencies.percentile_us(0.99), 1024);
  EXPECT_EQ(latencies.percentile_us(1.00), 5000);  // not more than the longest
}

TEST(LatencyHistogram, ADifferenceHasOnlyWhatCameSince) {
  store::LatencyHistogram histogram;
  histogram.add(microseconds(3));
  const Latencies before = histogram.now();
  histogram.add(microseconds(100));
  const Latencies since = histogram.now().since(before);
  EXPECT_EQ(since.count(), 1);
  EXPECT_EQ(since.buckets[7], 1);
  EXPECT_EQ(since.sum_us, 100);
}

StatisticsReport large_report() {
  constexpr std::uint64_t kLarge = 1'000'000'000'000'000;
  StatisticsReport report;
  report.since_s = report.uptime_ms = report.open_files = report.unmerged_files = kLarge;
  report.known_inodes = report.change_bytes = report.cache_bytes = report.journal_files = kLarge;
  for (std::uint64_t& count : report.counts) count = kLarge;
  for (Latencies* latencies : {&report.commits, &report.syncs}) {
    latencies->sum_us = latencies->max_us = kLarge;
    for (std::uint64_t& bucket : latencies->buckets) bucket = kLarge;
  }
  for (int i = 0; i < 35; ++i) report.operations["an_operation_" + std::to_string(i)] = kLarge;
  for (int i = 0; i < 60; ++i) report.errors["EAFNOSUPPORT" + std::to_string(i)] = kLarge;
  return report;
}

TEST(StatisticsReport, ComesBackFromJson) {
  StatisticsReport report = large_report();
  for (std::size_t i = 0; i < store::kCounts; ++i) report.counts[i] = 1000 + i;
  report.syncs.buckets[4] = 17;
  const StatisticsReport decoded = store::decode_report(store::encode_report(report));
  EXPECT_EQ(decoded.counts, report.counts);
  EXPECT_EQ(decoded.syncs.buckets, report.syncs.buckets);
  EXPECT_EQ(decoded.commits.max_us, report.commits.max_us);
  EXPECT_EQ(decoded.operations, report.operations);
  EXPECT_EQ(decoded.errors, report.errors);
  EXPECT_EQ(decoded.since_s, report.since_s);
  EXPECT_EQ(decoded.journal_files, report.journal_files);
}

TEST(StatisticsReport, FitsIntoTheAnswerWithLargeNumbers) {
  EXPECT_LE(store::encode_report(large_report()).size(), sizeof(store::StatisticsAnswer::text));
}

TEST(StatisticsReport, RefusesWhatIsNone) {
  EXPECT_THROW(store::decode_report(""), std::runtime_error);
  EXPECT_THROW(store::decode_report("{}"), std::runtime_error);
  EXPECT_THROW(store::decode_report("[1, 2]"), std::runtime_error);
}

class StoreStatistics : public testing::Test {
 protected:
  StatisticsReport now() { return store.store->statistics(); }

  StoreOnDisk store;
};

TEST_F(StoreStatistics, WhatAWriteAndAReadDo) {
  const Bytes content = text_bytes(100'000, 1);
  {
    const auto file = store.open_file("f");
    file->write(0, content);
    EXPECT_EQ(now().open_files, 1);
    EXPECT_GE(now().change_bytes, content.size());
    EXPECT_EQ(now().commits.count(), 0);
    file->flush();
    file->flush();  // Nothing is left to store.
    file->sync(os::SyncKind::kData);
    EXPECT_EQ(store.read_all(*file), content);
    store.store->close_file(file);
  }
  const StatisticsReport report = now();
  EXPECT_EQ(report.of(Count::kBytesWritten), content.size());
  EXPECT_EQ(report.of(Count::kBytesRead), content.size());
  EXPECT_EQ(report.of(Count::kContentBytesCompressed), content.size());
  EXPECT_GT(report.of(Count::kFrameBytesMade), 0);
  EXPECT_LT(report.of(Count::kFrameBytesMade), content.size());
  EXPECT_EQ(report.of(Count::kContentBytesDecompressed), content.size());
  EXPECT_EQ(report.of(Count::kFrameBytesRead), report.of(Count::kFrameBytesMade));
  EXPECT_EQ(report.of(Count::kFilesFirstStoredCompressed), 1);
  EXPECT_EQ(report.of(Count::kFilesFirstStoredRaw), 0);
  EXPECT_EQ(report.commits.count(), 1);
  EXPECT_EQ(report.syncs.count(), 1);
  EXPECT_EQ(report.open_files, 0);
  EXPECT_EQ(report.change_bytes, 0);
}

TEST_F(StoreStatistics, RawFilesAndOnesCompressedLater) {
  const auto file = store.open_file("f");
  file->write(0, random_bytes(100'000, 1));
  file->flush();
  EXPECT_EQ(now().of(Count::kFilesFirstStoredRaw), 1);
  file->write(0, text_bytes(100'000, 1));
  store.store->close_file(file);
  EXPECT_EQ(now().unmerged_files, 1);
  ASSERT_TRUE(store.store->settle_now());
  EXPECT_EQ(now().of(Count::kFilesConverted), 1);
  EXPECT_EQ(now().of(Count::kFilesFirstStoredCompressed), 0);
  EXPECT_EQ(now().of(Count::kBytesWritten), 200'000);
  EXPECT_EQ(now().unmerged_files, 0);
}

TEST_F(StoreStatistics, TheFrameCache) {
  const auto file = store.open_file("f");
  file->write(0, text_bytes(100'000, 1));
  file->flush();
  Bytes out(100);
  for (int i = 0; i < 3; ++i) file->read(10, out);
  store.store->close_file(file);
  EXPECT_EQ(now().of(Count::kCacheMisses), 1);
  EXPECT_EQ(now().of(Count::kCacheHits), 2);
  EXPECT_EQ(now().cache_bytes, kMinChunkBytes);
}

TEST_F(StoreStatistics, MergesAndRecompressions) {
  const auto file = store.open_file("f");
  file->write(0, text_bytes(100'000, 1));
  file->flush();
  file->write(20, text_bytes(5000, 2));
  file->flush();
  EXPECT_EQ(now().journal_files, 1);
  EXPECT_EQ(now().of(Count::kMerges), 0);
  file->settle();
  EXPECT_EQ(now().of(Count::kMerges), 1);
  EXPECT_GT(now().of(Count::kMergedBytes), 0);
  EXPECT_LT(now().of(Count::kMergedBytes), 100'000);
  EXPECT_EQ(now().journal_files, 0);
  ASSERT_EQ(file->recompress({.level = 9}).outcome, store::Recompression::kDone);
  EXPECT_EQ(file->recompress({.level = 9}).outcome, store::Recompression::kAsWanted);
  EXPECT_EQ(now().of(Count::kRecompressions), 1);
  store.store->close_file(file);
}

}  // namespace
}  // namespace zstdfs::test
