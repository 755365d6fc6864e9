#include "tools/sample_reservoir.hpp"

#include <algorithm>

namespace zstdfs::tools {

void SampleReservoir::offer(std::uint64_t bytes, const std::function<Bytes()>& read) {
  ++candidates_;
  const std::uint64_t lot = random_();
  if (lot >= end_lot_ || bytes > max_bytes_) return;
  Sample sample{lot, read()};
  if (sample.content.empty()) return;
  bytes_ += sample.content.size();
  heap_.push_back(std::move(sample));
  std::push_heap(heap_.begin(), heap_.end());
  while (bytes_ > max_bytes_) drop_highest();
}

/// What was dropped once bounds all that come: otherwise late small samples had a better chance.
void SampleReservoir::drop_highest() {
  std::pop_heap(heap_.begin(), heap_.end());
  end_lot_ = heap_.back().lot;
  bytes_ -= heap_.back().content.size();
  heap_.pop_back();
}

std::vector<Bytes> SampleReservoir::take() {
  std::sort_heap(heap_.begin(), heap_.end());
  std::vector<Bytes> samples;
  for (Sample& sample : heap_) samples.push_back(std::move(sample.content));
  heap_.clear();
  bytes_ = 0;
  return samples;
}

}  // namespace zstdfs::tools
