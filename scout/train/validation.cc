#include "scout/train/validation.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "scout/problem/catalog/family.h"

namespace scout {
namespace {

/// Gaps of functions below this share of the start's are not told apart.
constexpr double kFloor = 1e-8;

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

}  // namespace

Validation::Validation(const TrainOptions& options) : options_(options), problems_(options.judged().size()) {
  for (std::size_t p = 0; p < problems_; ++p) {
    const auto judged = family(options.judged()[p]);
    for (const int dimension : options.dimensions) {
      for (int i = 0; i < options.validation.instances; ++i) {
        instances_.push_back(judged->sample(Split::validation, static_cast<std::uint64_t>(i), dimension));
        problem_.push_back(p);
      }
      if (judged->has_own_dimensions()) break;
    }
  }
}

void Validation::run(const std::shared_ptr<const Stepper>& stepper, const EpisodeOptions& episode, ThreadTeam& team,
                     RoundReport& report) const {
  const double low = options_.rollout.least_horizon();
  // Functions in a batch for each thread; a network by itself.
  const std::size_t count = instances_.size();
  const std::size_t groups = episode.weights ? count : std::min<std::size_t>(static_cast<std::size_t>(team.size()), count);
  std::vector<Rollout> rollouts(groups);
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t k = count * g / groups; k < count * (g + 1) / groups; ++k) {
      Random random(Seed(0).derive("validation start").derive(static_cast<std::uint64_t>(k)));
      RunRequest& run = rollouts[g].runs.emplace_back();
      run.instance = instances_[k];
      run.stepper = stepper;
      run.start = sample_start(*run.instance, random);
      run.plan.horizon = options_.rollout.horizon;
      run.judge = true;
      if (episode.weights) {
        // Over the instances of a problem, horizons are spread as in training, to the greatest.
        const double place =
            static_cast<double>(static_cast<int>(k) % options_.validation.instances + 1) / options_.validation.instances;
        run.plan = {.horizon = static_cast<int>(std::lround(low * std::pow(options_.rollout.horizon / low, place))),
                    .tell_loss = false};
      }
    }
  }
  roll_out(rollouts, episode, team);
  const double floor = episode.weights ? options_.evolution.floor : kFloor;
  std::vector<std::vector<double>> values(problems_);
  std::vector<double> sums(problems_), counts(problems_);
  std::size_t k = 0;
  for (const Rollout& rollout : rollouts) {
    for (const RunResult& result : rollout.results) {
      const Instance& instance = *instances_[k];
      if (episode.weights) {
        sums[problem_[k]] += log_share(result.share, floor) / std::log(10.0);
      } else {  // where f* is not known, f itself is what can be compared
        const double gap = std::max(0.0, result.value * instance.value_scale());
        sums[problem_[k]] += std::log10((instance.optimum_value() ? result.share : gap) + floor);
      }
      ++counts[problem_[k]];
      values[problem_[k++]].push_back(result.value);
    }
  }
  report.validated = true;
  report.validation_score = std::accumulate(sums.begin(), sums.end(), 0.0) / static_cast<double>(count);
  for (std::size_t p = 0; p < problems_; ++p) report.validation_scores.push_back(sums[p] / counts[p]);
  for (auto& of_problem : values) report.validation_gaps.push_back(median(of_problem));
}

}  // namespace scout
