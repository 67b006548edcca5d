#include "scout/policy/control/control_run.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "scout/policy/control/models.h"

namespace scout {
namespace {

/// A share that is not worth asking for.
constexpr double kLeastShare = 0.02;
/// What a decision of 1 adds to the logarithm of a share. It is small, so that the simple rule stays the floor.
constexpr double kShareSpan = 1.5;
/// Value probes that a run begins with.
constexpr double kFirstProbes = 4;
/// Budgets so small leave room for one descent only, and for one probe.
constexpr double kBriefBudget = 75;
/// A block takes this share of the calls so far, times 3 to the power of the decision, up to that of a quarter of the
/// budget.
constexpr double kBlockShare = 0.3;
constexpr double kGainThatCounts = 1e-9;
/// Where f falls for ever, θ stays a number.
constexpr double kLargest = std::numeric_limits<double>::max();
// The simple rule: one descent, if it ends soon; then, where a gradient costs little, steps that explore, and descents from
// what they have found; else evolution. If descents, from starts of their own, find lower values than the others did in a
// trial, they get the rest.
constexpr double kCheapGradient = 2;
constexpr double kFirstDescents = 0.2, kFirstDescentsWhereDear = 0.15;
/// Steps go on for so many calls, but for these shares of the budget at least and at most.
constexpr double kStepping = 250, kSteppingAtLeast = 0.3, kSteppingAtMost = 0.7;
/// Calls of steps after which they have to have found more than descents did: so many, or so many a coordinate.
constexpr double kSteppingTrial = 90, kSteppingTrialOfCoordinate = 18;
/// Share of the budget, where a gradient is dear, after which the same holds of evolution.
constexpr double kEvolutionTrial = 0.35;

std::size_t index_of(std::unique_ptr<Primitive> (*make)()) {
  const auto& table = primitive_table();
  return static_cast<std::size_t>(std::ranges::find(table, make, &PrimitiveEntry::make) - table.begin());
}

}  // namespace

ControlRun::ControlRun(int dimension, std::shared_ptr<const Stepper> stepper, double step_scale, std::size_t outputs)
    : dimension_(static_cast<std::size_t>(dimension)),
      stepper_(std::move(stepper)),
      step_scale_(step_scale),
      decision_(decision_size(outputs)) {
  if (dimension < 1) throw std::invalid_argument("ControlRun: dimension must be at least 1");
}

void ControlRun::start(const Observation& first, const RunFrame& frame) {
  const std::size_t m = dimension_;
  lower_.assign(frame.lower.begin(), frame.lower.end());
  width_.resize(m);
  point_.resize(m);
  gradient_.resize(m);
  for (std::size_t i = 0; i < m; ++i) {
    width_[i] = frame.upper[i] - frame.lower[i];
    point_[i] = (first.theta[i] - lower_[i]) / width_[i];
  }
  budget_ = static_cast<double>(frame.calls);
  shared_ = {};
  Seed seed = Seed(frame.seed).derive("control");
  for (const double x : point_) seed = seed.derive(std::bit_cast<std::uint64_t>(x));  // another start, another run
  shared_.random = Random(seed);
  shared_.memory.start(m);
  shared_.sequence.start(m, shared_.random);
  shared_.first = point_;
  for (double& x : shared_.first) x = std::clamp(x, 0.0, 1.0);
  least_.assign(frame.least.begin(), frame.least.end());
  most_.assign(frame.most.begin(), frame.most.end());
  least_.resize(m, -kLargest);
  most_.resize(m, kLargest);
  shared_.lower.resize(m);
  shared_.upper.resize(m);
  for (std::size_t i = 0; i < m; ++i) {
    shared_.lower[i] = (least_[i] - lower_[i]) / width_[i];
    shared_.upper[i] = (most_[i] - lower_[i]) / width_[i];
  }
  shared_.gradient_price = frame.gradient_price;
  shared_.stepper = stepper_;
  shared_.step_scale = step_scale_;
  shared_.outputs.assign(decision_.size() - decision_size(0), 0.0F);
  shared_.left = budget_ - 1;
  accounts_.clear();
  for (const PrimitiveEntry& entry : primitive_table()) accounts_.push_back({entry.make()});
  std::ranges::fill(decision_, 0.0F);
  blocks_ = idle_blocks_ = 0;
  last_gain_ = 0;
  pending_ = false;
  best_by_ = 0;
  // The first block: probes, for the spread of f.
  block_begin_ = block_end_ = 0;
  const double value = first.f.value_or(std::nan(""));
  shared_.calls = 1;
  shared_.memory.add(point_, value, {});
  shared_.memory.explored(point_, value);
  value_before_ = shared_.memory.best_value();
  block_end_ = std::min(budget_, shared_.calls + (budget_ < kBriefBudget ? 1 : kFirstProbes));
  accounts_[index_of(value_probes)].owed = block_end_ - shared_.calls;
}

std::vector<double> ControlRun::usual_shares() const {
  std::vector<double> out(accounts_.size(), 0.0);
  const auto set = [&](std::unique_ptr<Primitive> (*make)(), double share) { out[index_of(make)] = share; };
  const auto of = [&](std::unique_ptr<Primitive> (*make)()) -> const Account& { return accounts_[index_of(make)]; };
  const bool cheap = shared_.gradient_price <= kCheapGradient;
  const double by_descents = of(descent_from_sequence).primitive->own_best();
  const double trial = std::min(kSteppingTrial, kSteppingTrialOfCoordinate * static_cast<double>(dimension_));
  const bool first =
      shared_.memory.minima().size() < (cheap ? 1 : 2) && shared_.used < (cheap ? kFirstDescents : kFirstDescentsWhereDear);
  if (first || (cheap && budget_ < kBriefBudget)) {
    set(descent_from_sequence, 1);
  } else if (cheap && of(rule_steps).calls > trial && by_descents < of(rule_steps).primitive->own_best()) {
    set(descent_from_sequence, 1);
  } else if (!cheap && shared_.used > kEvolutionTrial && by_descents < of(global_evolution).primitive->own_best()) {
    set(descent_from_sequence, 0.4);
    set(descent_from_hop, 0.2);
    set(global_evolution, 0.4);
  } else if (!cheap) {
    set(descent_from_sequence, 0.10);
    set(descent_from_hop, 0.05);
    set(descent_from_separable, 0.05);
    set(descent_from_quadratic, 0.02);
    set(global_evolution, 0.78);
  } else if (shared_.used < std::clamp(kStepping / budget_, kSteppingAtLeast, kSteppingAtMost)) {
    set(rule_steps, 1);
  } else {
    set(descent_from_sequence, 0.1);
    set(descent_from_hop, 0.6);
    set(descent_from_separable, 0.1);
    set(descent_from_quadratic, 0.1);
    set(rule_steps, 0.1);
  }
  return out;
}

void ControlRun::begin_block() {
  end_block();
  const std::vector<double> usual = usual_shares();
  const std::size_t count = accounts_.size();
  std::vector<double> share(count);
  double most = -1e300, sum = 0, kept = 0;
  for (std::size_t k = 0; k < count; ++k) {
    share[k] = std::log(std::max(usual[k], kLeastShare / 2)) + kShareSpan * static_cast<double>(decision_[k]);
    most = std::max(most, share[k]);
  }
  for (double& s : share) sum += s = std::exp(s - most);
  for (double& s : share) kept += s = s / sum < kLeastShare ? 0 : s / sum;
  const double stretch = std::pow(3.0, static_cast<double>(decision_[count]));
  const double length =
      std::max(2 * (1 + shared_.gradient_price), kBlockShare * stretch * std::min(shared_.calls, budget_ / 4));
  block_begin_ = shared_.calls;
  block_end_ = std::min(budget_, shared_.calls + std::ceil(length));
  for (std::size_t k = 0; k < count; ++k) {
    Account& account = accounts_[k];
    account.owed = std::clamp(account.owed, -0.5 * length, 0.5 * length) + share[k] / kept * length;
    account.gain = 0;
    ++account.idle;
  }
  shared_.radius = std::pow(10.0, -1.75 + 1.25 * static_cast<double>(decision_[count + 1]));
  std::copy(decision_.begin() + static_cast<std::ptrdiff_t>(decision_size(0)), decision_.end(), shared_.outputs.begin());
  value_before_ = shared_.memory.best_value();
  ++blocks_;
}

void ControlRun::end_block() {
  const double best = shared_.memory.best_value();
  last_gain_ = std::isfinite(value_before_) ? std::max(0.0, value_before_ - best) / shared_.memory.spread() : 0;
  idle_blocks_ = last_gain_ > kGainThatCounts ? 0 : idle_blocks_ + 1;
  for (Account& account : accounts_) {
    if (account.idle == 0) account.trend = 0.6 * account.trend + 0.4 * account.gain;
  }
}

void ControlRun::plan() {
  if (pending_) return;
  if (decision_due()) begin_block();
  asked_ = static_cast<std::size_t>(std::ranges::max_element(accounts_, {}, &Account::owed) - accounts_.begin());
  // Too little for a gradient: what does without.
  if (left() < 1 + shared_.gradient_price) asked_ = index_of(local_evolution);
  ask();
  pending_ = true;
}

void ControlRun::ask() {
  question_ = accounts_[asked_].primitive->ask(shared_);
  // Where f falls for ever a primitive can get lost.
  lost_ = std::ranges::any_of(question_.point, [](double x) { return std::isnan(x); });
  if (!lost_) return;
  const auto best = shared_.memory.best_point();
  point_.assign(question_.point.begin(), question_.point.end());
  for (std::size_t i = 0; i < dimension_; ++i) {
    if (std::isnan(point_[i])) point_[i] = best.empty() ? shared_.first[i] : best[i];
  }
  question_.point = point_;
}

void ControlRun::apply(std::span<double> theta) const {
  for (std::size_t i = 0; i < dimension_; ++i) {
    theta[i] =
        std::clamp(lower_[i] + question_.point[i] * width_[i], std::max(least_[i], -kLargest), std::min(most_[i], kLargest));
  }
}

void ControlRun::observe(const Observation& next) {
  pending_ = false;
  const bool with_gradient = !next.gradient.empty() && question_.gradient;
  const double value = next.f && std::isfinite(*next.f) ? *next.f : std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; with_gradient && i < dimension_; ++i) gradient_[i] = next.gradient[i] * width_[i];
  const bool usable =
      with_gradient && std::ranges::all_of(gradient_, [](double g) { return std::isfinite(g); }) && std::isfinite(value);
  const Answer answer{value, usable ? std::span<const double>(gradient_) : std::span<const double>()};
  Account& account = accounts_[asked_];
  const double cost = 1 + (question_.gradient ? shared_.gradient_price : 0);
  shared_.calls += cost;
  shared_.used = shared_.calls / budget_;
  shared_.left = left();
  account.calls += cost;
  account.owed -= cost;
  account.idle = 0;
  const double before = shared_.memory.best_value();
  shared_.memory.add(question_.point, value, answer.gradient);
  if (value < before) {
    best_by_ = asked_;
    if (std::isfinite(before)) account.gain += (before - value) / shared_.memory.spread();
  }
  account.primitive->tell(shared_, lost_ ? Answer{std::numeric_limits<double>::infinity(), {}} : answer);
}

void ControlRun::grant(std::int64_t calls) {
  budget_ += static_cast<double>(calls);
  shared_.used = shared_.calls / budget_;
  shared_.left = left();
}

void ControlRun::hear(std::span<const RuleRun* const> others) {
  std::vector<const Memory*> memories;
  for (const RuleRun* other : others) memories.push_back(&static_cast<const ControlRun*>(other)->memory());
  shared_.memory.hear(memories);
}

std::vector<double> ControlRun::calls_by_primitive() const {
  std::vector<double> out;
  for (const Account& account : accounts_) out.push_back(account.calls);
  return out;
}

void ControlRun::save(ArchiveWriter& archive) const {
  const_cast<ControlRun*>(this)->visit(archive);
  for (const Account& account : accounts_) {
    account.primitive->save(archive);
    archive(account.owed, account.calls, account.gain, account.trend, account.idle);
  }
}

void ControlRun::restore(ArchiveReader& archive) {
  const std::size_t decisions = decision_.size();
  visit(archive);
  if (decision_.size() != decisions || lower_.size() != dimension_ || least_.size() != dimension_ ||
      most_.size() != dimension_ || shared_.memory.dimension() != dimension_ || asked_ >= primitive_table().size() ||
      best_by_ >= primitive_table().size()) {
    archive.fail("a run of another rule or number of coordinates");
  }
  shared_.stepper = stepper_;
  accounts_.clear();
  for (const PrimitiveEntry& entry : primitive_table()) {
    Account& account = accounts_.emplace_back(Account{entry.make()});
    account.primitive->restore(archive, shared_);
    archive(account.owed, account.calls, account.gain, account.trend, account.idle);
  }
  if (pending_) ask();
}

}  // namespace scout
