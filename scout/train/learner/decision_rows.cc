#include "scout/train/learner/decision_rows.h"

#include <algorithm>
#include <cmath>

namespace scout {
namespace {

/// In a round.
constexpr std::int64_t kEpisodes = 64;

}  // namespace

bool has_normaliser(const DecisionHead& head, std::span<const float> parameters) {
  const auto inputs = static_cast<std::size_t>(head.inputs());
  return std::ranges::any_of(parameters.subspan(head.offset() + inputs, inputs), [](float inverse) { return inverse != 0; });
}

void fit_normaliser(const DecisionHead& head, std::span<const float> rows, SharedParameters& parameters) {
  if (has_normaliser(head, parameters.acting)) return;
  const auto n = static_cast<std::size_t>(head.inputs());
  const std::size_t count = rows.size() / n;
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0, square = 0;
    for (std::size_t r = 0; r < count; ++r) sum += static_cast<double>(rows[r * n + i]);
    const double mean = sum / static_cast<double>(count);
    for (std::size_t r = 0; r < count; ++r) square += std::pow(static_cast<double>(rows[r * n + i]) - mean, 2);
    const double deviation = std::sqrt(square / static_cast<double>(count));
    for (std::vector<float>* all : {&parameters.acting, &parameters.kept}) {
      (*all)[head.offset() + i] = static_cast<float>(mean);
      (*all)[head.offset() + n + i] = deviation > 1e-4 ? static_cast<float>(1 / (deviation + 1e-3)) : 0.0F;
    }
  }
}

DecisionRows::DecisionRows(const TrainingContext& context, std::string_view slice)
    : context_(context), head_(slice == "decisions" ? context.rule.decisions() : nullptr) {}

Slice DecisionRows::without_normaliser(const Slice& slice) const {
  return head_ == nullptr ? slice : Slice{slice.begin + 2 * static_cast<std::size_t>(head_->inputs()), slice.end};
}

bool DecisionRows::wanted() const { return head_ != nullptr && !has_normaliser(*head_, context_.parameters.acting); }

std::vector<Rollout> DecisionRows::ask(const Window& window) const {
  std::vector<Rollout> out;
  const auto stepper = context_.rule.with(context_.parameters.acting);
  for (const Task& task : context_.tasks.draw(window, context_.name + " rows", kEpisodes)) {
    Random random(task.seed.derive("rollout"));
    RunRequest run{.instance = task.instance, .stepper = stepper};
    run.plan = context_.tasks.plan(window.round, random);
    run.start = sample_start(*task.instance, random);
    run.recording.decisions = DecisionReward{};
    out.emplace_back().runs.push_back(std::move(run));
  }
  return out;
}

Findings DecisionRows::digest(std::vector<Rollout> done) {
  Findings out;
  for (Rollout& rollout : done) {
    for (RunResult& result : rollout.results) out.decisions.push_back(std::move(result.trajectory));
  }
  return out;
}

void DecisionRows::take(Findings& own) {
  if (!wanted()) return;
  for (const Trajectory& trajectory : own.decisions) {
    if (trajectory.features != head_->inputs()) continue;
    rows_.insert(rows_.end(), trajectory.states.begin(), trajectory.states.end());
  }
}

void DecisionRows::learn() {
  if (!wanted() || rows_.size() < static_cast<std::size_t>(head_->inputs())) return;
  fit_normaliser(*head_, rows_, context_.parameters);
  rows_ = {};
}

}  // namespace scout
