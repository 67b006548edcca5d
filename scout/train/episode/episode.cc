#include "scout/train/episode/episode.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "scout/optimizer/oracle.h"

namespace scout {

std::vector<double> sample_start(const Instance& instance, Random& random) {
  std::vector<double> theta(static_cast<std::size_t>(instance.dimension()));
  instance.sample_start(random, theta);
  return theta;
}

Episode::Episode(std::shared_ptr<const Instance> instance, std::shared_ptr<const Stepper> stepper,
                 const EpisodeOptions& options, const EpisodePlan& plan)
    : instance_(std::move(instance)),
      stepper_(std::move(stepper)),
      options_(options),
      plan_(plan),
      run_(stepper_->new_run(instance_->dimension())),
      credit_(options.weights ? credit_along_step(options.reward.scale)
                              : credit_to_optimum(options.reward, options.credit_by_coordinate)) {
  const auto m = static_cast<std::size_t>(instance_->dimension());
  double width = 0;
  for (std::size_t i = 0; i < m; ++i) width += instance_->upper()[i] - instance_->lower()[i];
  scale_ = options.step_scale * width / static_cast<double>(m);
  gradient_.resize(m);
}

double Episode::potential(double f) const {
  return -options_.reward.scale * std::log(std::max(0.0, f - reference_) / start_gap_ + options_.reward.floor);
}

void Episode::start(std::span<const double> theta, Recording recording, std::optional<int> horizon) {
  plan_.horizon = horizon.value_or(plan_.horizon);
  theta_.assign(theta.begin(), theta.end());
  minibatches_ = 0;
  instance_->evaluate_minibatch(minibatches_++, theta_, {&f_, 1}, gradient_);
  ++evaluations_;
  best_ = worst_ = start_value_ = f_;
  if (options_.weights) {
    start_theta_ = theta_;
    ended_ = !std::isfinite(f_) || !all_finite(gradient_);
  } else {
    best_theta_ = theta_;
    best_gradient_ = gradient_;
    ended_ = false;
  }
  step_ = best_step_ = 0;
  reference_ = instance_->optimum_value().value_or(options_.weights ? 0.0 : f_);
  // Without a known optimum the first gap is unknown: the gradient's size over a tenth of the box stands in.
  start_gap_ = f_ - reference_;
  if (!(start_gap_ > 0)) {
    double norm = 0;
    for (double g : gradient_) norm += std::abs(g);
    start_gap_ = std::max(0.1 * scale_ * norm, 1e-300);
  }
  const std::vector<TensorShape> tensors = instance_->tensors();
  const RunFrame frame{.scale = scale_,
                       .horizon = plan_.tell_horizon ? plan_.horizon : 0,
                       .lower = instance_->lower(),
                       .upper = instance_->upper(),
                       .tensors = tensors,
                       .calls = 2 * plan_.horizon,
                       .least = instance_->lower(),
                       .most = instance_->upper()};
  run_->start({theta_, gradient_, plan_.tell_loss ? std::optional(f_) : std::nullopt}, frame);

  trajectory_ = {};
  decisions_ = recording.decisions;
  worth_ = decisions_ ? decisions_->worth(decided_share(false)) : 0;
  losses_.clear();
  recorded_ = std::move(recording.rows);
  if (recording.all) {
    recorded_.resize(run_->rows());
    std::iota(recorded_.begin(), recorded_.end(), std::size_t{0});
  }
  if (recorded_.empty()) return;
  trajectory_.coordinates = static_cast<int>(recorded_.size());
  trajectory_.features = static_cast<int>(run_->features());
  trajectory_.action_size = static_cast<int>(theta_.size() / run_->rows());
  trajectory_.states.reserve(recorded_.size() * run_->features() * static_cast<std::size_t>(plan_.horizon + 1));
  record_state();
  credit_->start(*this);
}

void Episode::record_state() {
  const std::size_t size = recorded_.size() * run_->features();
  trajectory_.states.resize(trajectory_.states.size() + size);
  run_->write_features(recorded_, trajectory_.states.data() + trajectory_.states.size() - size);
}

void Episode::record_state_again() {
  trajectory_.states.resize(trajectory_.states.size() - recorded_.size() * run_->features());
  record_state();
}

void Episode::record_decision() {
  reward_decision();
  const std::span<const float> decision = run_->decision();
  const std::size_t rows = run_->decision_rows();
  trajectory_.coordinates = static_cast<int>(rows);
  trajectory_.action_size = static_cast<int>(decision.size() / rows);
  record_deciding();
  trajectory_.actions.insert(trajectory_.actions.end(), decision.begin(), decision.end());
}

void Episode::record_deciding() {
  std::vector<float>& states = trajectory_.states;
  trajectory_.features = static_cast<int>(run_->decision_features());
  const std::size_t size = run_->decision_rows() * run_->decision_features();
  states.resize(states.size() + size);
  run_->write_decision_features(states.data() + states.size() - size);
}

void Episode::reward_decision(bool end) {
  if (trajectory_.actions.empty()) return;
  const double worth = decisions_->worth(decided_share(end));
  const auto rows = static_cast<std::size_t>(trajectory_.coordinates);
  trajectory_.rewards.insert(trajectory_.rewards.end(), rows, static_cast<float>(worth - worth_));
  worth_ = worth;
  losses_.clear();
}

namespace {

/// Calls body(first, count) for each stretch of neighbours that are alike.
void for_stretches(std::span<Episode* const> episodes, auto&& alike, auto&& body) {
  for (std::size_t first = 0; first < episodes.size();) {
    std::size_t count = 1;
    while (first + count < episodes.size() && alike(*episodes[first], *episodes[first + count])) ++count;
    body(episodes.subspan(first, count));
    first += count;
  }
}

}  // namespace

void Episode::step(std::span<Episode* const> episodes, ProposalScratch& scratch, const Moves& moves) {
  thread_local std::vector<RuleRun*> runs;
  if (moves.prepare) {
    for (Episode* e : episodes) moves.prepare(*e);
  }
  if (moves.propose) {
    const auto alike = [](const Episode& a, const Episode& b) { return a.stepper_ == b.stepper_; };
    for_stretches(episodes, alike, [&](std::span<Episode* const> stretch) {
      runs.clear();
      for (Episode* e : stretch) runs.push_back(e->run_.get());
      const Stepper& stepper = *stretch.front()->stepper_;
      stepper.decide(runs, scratch);
      for (Episode* e : stretch) {
        if (!e->run_->decision_due()) continue;
        if (moves.decide) moves.decide(*e);
        if (e->decisions_) e->record_decision();
        if (!e->recorded_.empty()) e->record_state_again();
      }
      stepper.propose(runs, scratch);
    });
  }
  for (Episode* e : episodes) {
    if (moves.move) moves.move(*e);
    e->previous_f_ = e->f_;
    if (!e->recorded_.empty()) {
      std::vector<float>& actions = e->trajectory_.actions;
      const std::size_t size = e->recorded_.size() * static_cast<std::size_t>(e->trajectory_.action_size);
      actions.resize(actions.size() + size);
      e->run_->write_actions(e->recorded_, actions.data() + actions.size() - size);
      if (e->wants_before()) e->before_ = e->theta_;
    }
    e->run_->apply(e->theta_);
    ++e->step_;
  }

  thread_local std::vector<double> theta, f, gradient;
  const auto alike = [](const Episode& a, const Episode& b) {
    return a.instance_ == b.instance_ && a.minibatches_ == b.minibatches_;
  };
  for_stretches(episodes, alike, [&](std::span<Episode* const> stretch) {
    Episode& first = *stretch.front();
    const std::size_t m = first.theta_.size();
    if (stretch.size() == 1 && !first.wants_before()) {
      const std::span<double> wanted = first.run_->wants_gradient() ? std::span(first.gradient_) : std::span<double>();
      first.instance_->evaluate_minibatch(first.minibatches_++, first.theta_, {&first.f_, 1}, wanted);
      return first.digest(0, {});
    }
    theta.clear();
    for (const Episode* e : stretch) theta.insert(theta.end(), e->theta_.begin(), e->theta_.end());
    for (const Episode* e : stretch) {
      if (e->wants_before()) theta.insert(theta.end(), e->before_.begin(), e->before_.end());
    }
    f.resize(theta.size() / m);
    gradient.resize(theta.size());
    first.instance_->evaluate_minibatch(first.minibatches_, theta, f, gradient);
    std::size_t before = stretch.size();
    for (std::size_t k = 0; k < stretch.size(); ++k) {
      Episode& e = *stretch[k];
      e.f_ = f[k];
      std::copy_n(&gradient[k * m], m, e.gradient_.begin());
      ++e.minibatches_;
      if (!e.wants_before()) {
        e.digest(0, {});
        continue;
      }
      ++e.evaluations_;
      e.digest(f[before], std::span(gradient).subspan(before * m, m));
      ++before;
    }
  });
}

void Episode::digest(double f_before, std::span<const double> gradient_before) {
  ++evaluations_;
  const bool with_gradient = run_->wants_gradient();
  const bool finite = std::isfinite(f_) && (!with_gradient || all_finite(gradient_));
  const double best_before = best_;
  if (finite) {
    if (decisions_ && options_.weights) losses_.push_back(f_);
    worst_ = std::max(worst_, f_);
    if (f_ < best_) {
      best_ = f_;
      best_step_ = step_;
      if (!options_.weights) {
        best_theta_ = theta_;
        best_gradient_ = gradient_;
        if (!instance_->optimum_value()) reference_ = std::min(reference_, f_);
      }
    }
  } else if (options_.weights) {
    ended_ = true;
  } else {
    f_ = worst_;  // for the reward; then the run goes on from its best point
  }
  last_rise_ = potential(f_) - potential(previous_f_);
  const LastStep step{finite, last_rise_, potential(best_) - potential(best_before), before_, f_before, gradient_before};
  if (!finite && !options_.weights && !run_->asks()) {
    theta_ = best_theta_;
    gradient_ = best_gradient_;
    f_ = best_;
  }
  if (!recorded_.empty()) {
    trajectory_.rewards.resize(trajectory_.rewards.size() + recorded_.size());
    credit_->reward(*this, step, std::span(trajectory_.rewards).last(recorded_.size()));
  }
  const std::span<const double> seen = with_gradient ? std::span<const double>(gradient_) : std::span<const double>();
  const double value = !finite && run_->asks() ? std::numeric_limits<double>::infinity() : f_;
  run_->observe({theta_, seen, plan_.tell_loss ? std::optional(value) : std::nullopt});
  if (!recorded_.empty()) record_state();
}

std::span<const float> Episode::last_rewards() const {
  return std::span(trajectory_.rewards).last(trajectory_.rewards.empty() ? 0 : recorded_.size());
}

double Episode::final_share() const {
  if (!options_.weights) return std::max(0.0, best_ - reference_) / start_gap_;
  const double optimum = instance_->optimum_value().value_or(0.0);
  const double start = std::max(instance_->true_value(start_theta_) - optimum, 1e-300);
  const double value = instance_->true_value(theta_);
  evaluations_ += 2;
  if (ended_ || !std::isfinite(value)) return std::numeric_limits<double>::infinity();
  return std::max(0.0, value - optimum) / start;
}

double Episode::final_value() const {
  if (options_.weights) return instance_->true_value(theta_);
  return (best_ - instance_->optimum_value().value_or(0.0)) / instance_->value_scale();
}

double Episode::decided_share(bool end) const {
  constexpr double kMost = 10;
  if (options_.weights) {
    if (end) return std::min(final_share(), kMost);
    if (losses_.empty()) return ended_ ? kMost : 1;
    const auto late = std::span(losses_).subspan(losses_.size() / 2);
    const double mean = std::accumulate(late.begin(), late.end(), 0.0) / static_cast<double>(late.size());
    return std::min(mean / start_value_, kMost);
  }
  if (instance_->optimum_value()) return std::max(0.0, best_ - reference_) / start_gap_;
  return 1 / (1 + (start_value_ - best_) / start_gap_);
}

void Episode::act_with(std::shared_ptr<const Stepper> stepper) {
  ArchiveWriter writer;
  run_->save(writer);
  const Bytes state = writer.take();
  stepper_ = std::move(stepper);
  run_ = stepper_->new_run(instance_->dimension());
  ArchiveReader reader(state, "run");
  run_->restore(reader);
}

void Episode::save(ArchiveWriter& archive) const {
  if (!recorded_.empty() || decisions_) throw std::logic_error("an episode that records something is not saved");
  const_cast<Episode*>(this)->visit(archive);
  run_->save(archive);
}

void Episode::restore(ArchiveReader& archive) {
  visit(archive);
  const auto m = static_cast<std::size_t>(instance_->dimension());
  const bool whole = theta_.size() == m && gradient_.size() == m && plan_.horizon > 0 && step_ >= 0 &&
                     step_ <= 2 * static_cast<std::int64_t>(plan_.horizon) && best_step_ >= 0 && evaluations_ > 0 &&
                     start_theta_.size() == (options_.weights ? m : 0) && best_theta_.size() == (options_.weights ? 0 : m) &&
                     best_gradient_.size() == best_theta_.size();
  if (!whole) archive.fail("an episode of another instance");
  run_->restore(archive);
}

Trajectory Episode::take_trajectory() {
  if (decisions_ && trajectory_.action_size > 0) {
    reward_decision(true);
    record_deciding();
  }
  trajectory_.terminated = ended_ || (options_.reward.finite && step_ >= plan_.horizon);
  return std::move(trajectory_);
}

}  // namespace scout
