#include "scout/optimizer/explorers.h"

#include <algorithm>

#include "scout/optimizer/oracle.h"
#include "scout/policy/control/workspace.h"

namespace scout {

Explorers::Explorers(const EvaluateBatch& evaluate, std::span<const double> x0, const MinimizeOptions& options,
                     const Region& region, const Stepper& stepper, MinimizeRecord& record, MinimizeSummary& summary)
    : evaluate_(evaluate),
      options_(options),
      region_(region),
      stepper_(stepper),
      record_(record),
      summary_(summary),
      full_(x0.begin(), x0.end()) {
  const std::size_t n = region.free.size();
  const std::int64_t count = std::min<std::int64_t>(options.explorers, options.budget);
  const Seed seed = seed_of_start(options.seed, x0).derive("explorers");  // of all but the first, whose start is x0
  Random random(seed);
  PointSequence starts;
  starts.start(n, random);
  for (std::int64_t k = 0; k < count; ++k) {
    Explorer& explorer = explorers_.emplace_back();
    explorer.number = static_cast<int>(k) + 1;
    explorer.seed = k == 0 ? options.seed : seed.derive(explorer.number).value();
    explorer.run = stepper.new_run(static_cast<int>(n));
    explorer.left = options.budget / count + (k < options.budget % count ? 1 : 0);
    explorer.theta.resize(n);
    explorer.gradient.resize(n);
    if (k > 0) starts.next(explorer.theta, random);
    for (std::size_t i = 0; i < n; ++i) {
      explorer.theta[i] = k == 0 ? x0[region.free[i]] : region.lower[i] + explorer.theta[i] * region.width(i);
    }
  }
}

void Explorers::minimize() {
  summary_.episodes = static_cast<int>(explorers_.size());
  Some asked;
  for (Explorer& explorer : explorers_) asked.push_back(&explorer);
  if (!evaluate(asked)) return;
  start();
  for (;;) {
    hear(asked);
    asked = asking();
    if (asked.empty()) return record_.finish_without_calls();
    propose(asked);
    if (!evaluate(asked)) return;
    observe(asked);
  }
}

void Explorers::start() {
  for (Explorer& explorer : explorers_) {
    const RunFrame frame{.lower = region_.lower,
                         .upper = region_.upper,
                         .calls = explorer.left + 1,  // the first point's is made
                         .gradient_price = static_cast<double>(record_.gradient_price()),
                         .least = region_.least,
                         .most = region_.most,
                         .seed = explorer.seed};
    explorer.run->start({explorer.theta, {}, explorer.value}, frame);
  }
}

Explorers::Some Explorers::asking() {
  Some out;
  const auto find = [&] {
    for (Explorer& explorer : explorers_) {
      if (!explorer.run->over()) out.push_back(&explorer);
    }
  };
  find();
  if (!out.empty()) return out;
  // What is left of all shares: to one after the other, as much as a value and its gradient take.
  const std::int64_t pair = 1 + record_.gradient_price();
  std::int64_t left = record_.remaining();
  for (Explorer& explorer : explorers_) {
    if (left < pair) break;
    explorer.run->grant(pair - explorer.left);
    explorer.left = pair;
    left -= pair;
  }
  find();
  return out;
}

void Explorers::propose(const Some& asking) {
  std::vector<RuleRun*> runs;
  for (Explorer* explorer : asking) runs.push_back(explorer->run.get());
  stepper_.decide(runs, scratch_);
  stepper_.propose(runs, scratch_);
  for (Explorer* explorer : asking) {
    explorer->run->apply(explorer->theta);
    explorer->wants_gradient = explorer->run->wants_gradient();
  }
}

bool Explorers::evaluate(const Some& asking) {
  Some rows = asking;
  const auto wants_gradient = [](const Explorer* explorer) { return explorer->wants_gradient; };
  const auto values = std::stable_partition(rows.begin(), rows.end(), wants_gradient);
  batch_.resize(rows.size(), static_cast<std::size_t>(values - rows.begin()), full_.size());
  for (std::size_t b = 0; b < rows.size(); ++b) {
    const std::span<double> point = batch_.point(b);
    std::ranges::copy(full_, point.begin());
    for (std::size_t i = 0; i < region_.free.size(); ++i) point[region_.free[i]] = rows[b]->theta[i];
  }
  try {
    evaluate_(batch_);
  } catch (...) {
    for (const Explorer* explorer : rows) record_.count(explorer->wants_gradient);
    throw;
  }
  for (std::size_t b = 0; b < rows.size(); ++b) {
    Explorer& explorer = *rows[b];
    record_.count(explorer.wants_gradient);
    explorer.left -= explorer.wants_gradient ? 1 + record_.gradient_price() : 1;
    if (batch_.errors[b]) std::rethrow_exception(batch_.errors[b]);
    explorer.value = batch_.values[b];
    std::span<const double> gradient;
    if (explorer.wants_gradient) {
      for (std::size_t i = 0; i < region_.free.size(); ++i) explorer.gradient[i] = batch_.gradient(b)[region_.free[i]];
      gradient = explorer.gradient;
    }
    // Of a difference that is not finite, the point itself is not to blame.
    const bool blamed = !options_.differences || all_finite(gradient);
    record_.take({batch_.point(b), explorer.theta, blamed ? gradient : std::span<const double>(), explorer.value},
                 explorer.number);
  }
  if (record_.over()) record_.finish();
  return !record_.over();
}

void Explorers::observe(const Some& asking) {
  for (Explorer* explorer : asking) {
    const std::span<const double> gradient = explorer->gradient;
    explorer->run->observe(
        {explorer->theta, explorer->wants_gradient ? gradient : std::span<const double>(), explorer->value});
  }
}

void Explorers::hear(const Some& told) {
  for (const Explorer* explorer : told) {
    std::vector<const RuleRun*> others;
    for (const Explorer* other : told) {
      if (other != explorer) others.push_back(other->run.get());
    }
    if (!others.empty()) explorer->run->hear(others);
  }
}

}  // namespace scout
