// In which order evolution takes candidates that were tried on several problems.
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace scout {

/// The candidates' numbers, best (least) first. `scores`: of each candidate, its mean or sum of log gaps on each problem,
/// all on the same instances. `rule` says what is added up over the problems:
///
/// - mean: the scores: a problem counts by how far candidates differ on it;
/// - spread: their distance from the problem's median candidate, over the mean distance plus 0.05: all problems count alike
/// on
///   which candidates do differ, those with much noise in f, whose scores have little room, included;
/// - ranks: ranks within the problem: all problems count alike, those where no candidate achieves anything too.
std::vector<int> selection_order(const std::vector<std::span<const double>>& scores, std::string_view rule);

}  // namespace scout
