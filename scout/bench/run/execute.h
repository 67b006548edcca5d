// One run of an optimizer on an instance.
#pragma once

#include <chrono>

#include "scout/bench/tables/record.h"

namespace scout::bench {

using Clock = std::chrono::steady_clock;
inline double seconds_since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

/// What is wanted of a run besides where it ended.
struct Wanted {
  bool path = false;     ///< every point asked about
  bool metrics = false;  ///< Instance::metrics at the last point
  bool curve = true;     ///< the curve and the best point, which cost many judgements where f is stochastic
};

/// Runs `optimizer` from `start` [M] and never throws what the optimizer or the objective throws: that is an Outcome.
Outcome execute(const Instance& instance, const Optimizer& optimizer, std::span<const double> start, Seed seed,
                std::int64_t budget, const Wanted& wanted = {});

/// At most `limit` >= 3 points: first, last, and the last of each of `limit - 2` log-spaced bins of calls.
std::vector<CurvePoint> thin(const std::vector<CurvePoint>& curve, std::size_t limit);

}  // namespace scout::bench
