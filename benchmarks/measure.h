// What the benchmark programs share: their options, clocks, medians, what one core can do, and the file of a result.
#pragma once

#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <nlohmann/json.hpp>

#include "scout/base/json_lines.h"
#include "scout/base/machine.h"

namespace scout::benchmark {

/// The options --out and --repeats of a program.
struct CommonOptions {
  std::string out;
  int repeats;

  CommonOptions(CLI::App& app, int usual_repeats) : repeats(usual_repeats) {
    app.add_option("--out", out, "write the results as JSON to this file");
    app.add_option("--repeats", repeats, "of each; medians are over them")
        ->capture_default_str()
        ->check(CLI::PositiveNumber);
  }
};

/// Seconds that `body` takes: by default of the calling thread's CPU time, which stands still while another program has the
/// core.
template <class Body>
double seconds_of(Body&& body, clockid_t clock = CLOCK_THREAD_CPUTIME_ID) {
  timespec begin{}, end{};
  clock_gettime(clock, &begin);
  body();
  clock_gettime(clock, &end);
  return static_cast<double>(end.tv_sec - begin.tv_sec) + 1e-9 * static_cast<double>(end.tv_nsec - begin.tv_nsec);
}

inline double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

/// The median of the ratios, element by element.
inline double median_ratio(std::vector<double> above, const std::vector<double>& below) {
  std::transform(above.begin(), above.end(), below.begin(), above.begin(), std::divides<>());
  return median(std::move(above));
}

/// peak.cc: fused multiply-adds of floats a second of CPU time, in a plain loop over registers with the widest vectors of
/// this machine.
double multiply_adds_per_second();
/// peak.cc: bytes a second of CPU time of a = b + s·c (STREAM's triad) over arrays of 128 MiB in all, counting two reads and
/// one write.
double bytes_per_second();

/// Writes `result` with the machine and the versions that it was measured with, unless `path` is empty.
inline void write_result(const std::filesystem::path& path, nlohmann::json result, const nlohmann::json& versions,
                         int indent = 2) {
  if (path.empty()) return;
  result["machine"] = machine_facts();
  result["versions"] = version_facts();
  result["versions"].update(versions);
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
  write_atomically(path, json_text(result, indent) + "\n");
}

}  // namespace scout::benchmark
