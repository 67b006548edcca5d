// What the benchmark programs share: clocks, medians, and the file that a result is kept in.
#pragma once

#include <ctime>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "scout/base/json_lines.h"
#include "scout/base/machine.h"
#include "scout/bench/tables/record.h"

namespace scout::benchmark {

/// CPU time of the calling thread: it stands still while another program has the core.
inline double thread_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// CPU time that `body` takes on the calling thread.
template <class Body>
double thread_seconds_of(Body&& body) {
  const double begin = thread_seconds();
  body();
  return thread_seconds() - begin;
}

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

/// Element by element.
inline std::vector<double> ratios(const std::vector<double>& above, const std::vector<double>& below) {
  std::vector<double> out(above.size());
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = above[i] / below[i];
  return out;
}

/// Writes `result` with the machine and the versions that it was measured with.
inline void write_result(const std::filesystem::path& path, nlohmann::json result, const nlohmann::json& versions) {
  result["machine"] = machine_facts();
  result["versions"] = version_facts();
  result["versions"].update(versions);
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
  write_atomically(path, result.dump(2) + "\n");
}

}  // namespace scout::benchmark
