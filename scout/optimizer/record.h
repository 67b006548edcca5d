// What a minimisation has found, and whether it is over.
#pragma once

#include <chrono>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "scout/optimizer/minimize.h"
#include "scout/optimizer/region.h"

namespace scout {

/// An evaluated point. N: the region's free coordinates.
struct Evaluated {
  std::span<const double> full;      ///< [M]
  std::span<const double> theta;     ///< [N]
  std::span<const double> gradient;  ///< [N], or empty if it was not asked for
  double value;

  bool finite() const;
};

/// Fills a summary, evaluation by evaluation, and calls the callback.
class MinimizeRecord {
 public:
  /// `pairs`: a value is asked for with its gradient. All have to outlive the record.
  MinimizeRecord(const MinimizeOptions& options, const Region& region, bool pairs, MinimizeSummary& summary)
      : options_(options), region_(region), pairs_(pairs), summary_(summary) {}

  std::int64_t remaining() const { return options_.budget - summary_.calls(); }
  /// Calls that a gradient costs, beside its value.
  std::int64_t gradient_price() const { return options_.differences ? static_cast<std::int64_t>(region_.free.size()) : 1; }
  /// Counts an evaluation, before it is taken in or throws.
  void count(bool with_gradient) {
    ++summary_.values;
    if (with_gradient) (options_.differences ? summary_.values : summary_.gradients) += gradient_price();
  }
  /// Takes in an evaluation that was counted; `episode`: from 1. Once the run is over, the callback is not called any more.
  void take(const Evaluated& point, int episode);
  bool over() const { return ending_.has_value(); }
  /// Says in the summary why the run ended.
  void finish();
  /// The same of a run that is not over, but has no use for the calls that are left.
  void finish_without_calls();

 private:
  void stop(MinimizeStatus status, std::string message) { ending_.emplace(status, std::move(message)); }
  void stop_without_calls();
  void take_best(const Evaluated& point);
  /// Takes a point back whose gradient was asked for later, and is not finite.
  void take_back(const Evaluated& point);
  void show_best();
  double gradient_size(const Evaluated& point) const;
  std::string opinion() const;

  const MinimizeOptions& options_;
  const Region& region_;
  const bool pairs_;
  MinimizeSummary& summary_;
  struct Best {
    double value = std::numeric_limits<double>::infinity();
    std::vector<double> point{};  // [M]
    std::vector<int> at_bounds{};
    double gradient = std::numeric_limits<double>::quiet_NaN();  // its size, in units of the region; NaN: not asked for
  };
  // One below the other: the last point with a gradient, and the latest without, which may turn out to have none.
  std::vector<Best> best_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  double largest_gradient_ = 0;   // of points that are no worse than the first
  double first_value_ = 0;        // the first finite one
  std::int64_t progress_at_ = 0;  // calls
  std::optional<std::pair<MinimizeStatus, std::string>> ending_;
};

}  // namespace scout
