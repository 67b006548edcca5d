// 2-D pictures: the paths of optimizers, and of explorers, over the contours of an instance.
//
// `trajectories.jsonl` holds two kinds of lines, matched by "instance", which is "PROBLEM/SPLIT/INDEX":
//   {"kind": "contour", "instance", "lower": [2], "upper": [2], "side": n, "f": [n * n] rows of constant y,
//    "optimum": [2] or null, "optimum_value": f* or null}
//   {"kind": "path", "instance", "optimizer", "method", "settings", "status", "budget", "path": [[x, y, f], ...],
//    "best_point": [2], "best": f}
// `explorers.jsonl`, written in training, holds one line an event:
//   {"instance", "explorer": k, "coordinate": i, "step": t, "theta": [..], "value": f, "event": "move" | "reset" | "prune"}
// and may hold contour lines, over which the explorers of 2-D instances are drawn.
#pragma once

#include "scout/bench/run/tuning.h"

namespace scout::bench {

/// "PROBLEM/SPLIT/INDEX".
std::string instance_name(std::string_view problem, Split split, std::uint64_t index);

/// The contour line of a 2-D instance.
nlohmann::json contour_line(const std::string& name, const Instance& instance, int side = 101);

/// Runs the policies among `entrants`, and the others named in suite.trajectories, tuned, on the 2-D test instance 0 of each
/// family of suite.trajectories.problems with the suite's first budget, and writes `out/trajectories.jsonl`. Writes nothing
/// if no family is named.
void record_trajectories(const Suite& suite, const std::filesystem::path& out, const std::vector<Entrant>& entrants,
                         Tuner& tuner);

}  // namespace scout::bench
