#include "scout/policy/weight/weight_run.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <stdexcept>
#include <string>

#include "scout/policy/rule/action.h"

namespace scout {
namespace {

constexpr std::int64_t kMostDimensions = 64;

void move(std::span<const float> delta, std::span<double> theta) {
  for (std::size_t i = 0; i < delta.size(); ++i) theta[i] += static_cast<double>(delta[i]);
}

}  // namespace

PlainTensors::PlainTensors(const WeightStepper& stepper, std::span<const TensorShape> tensors, std::size_t dimension)
    : element_size_(stepper.layout().element_size()),
      begin_{0},
      theta_(dimension),
      gradient_(dimension),
      delta_(dimension),
      state_(stepper.layout().bytes(dimension)) {
  const TensorShape whole{static_cast<std::int64_t>(dimension), 1, static_cast<std::int64_t>(dimension)};
  if (tensors.empty()) tensors = {&whole, 1};
  records_.assign(tensors.size(), stepper.new_record());
  for (std::size_t t = 0; t < tensors.size(); ++t) {
    plans_.push_back(stepper.new_plan());
    steps_.push_back({.shape = tensors[t], .record = &records_[t], .plan = plans_[t].get()});
    begin_.push_back(begin_.back() + static_cast<std::size_t>(tensors[t].size));
  }
  if (begin_.back() != dimension) {
    throw std::invalid_argument("tensors of " + std::to_string(begin_.back()) + " weights in all, and a run of " +
                                std::to_string(dimension));
  }
}

void PlainTensors::load(std::span<const double> theta, std::span<const double> gradient) {
  std::transform(theta.begin(), theta.end(), theta_.begin(), [](double x) { return static_cast<float>(x); });
  std::transform(gradient.begin(), gradient.end(), gradient_.begin(), [](double x) { return static_cast<float>(x); });
  add_up();
}

void PlainTensors::add_up() {
  for (std::size_t t = 0; t < steps_.size(); ++t) {
    const std::size_t begin = begin_[t];
    steps_[t].sums = kernel::tensor_sums(theta_.data() + begin, gradient_.data() + begin, begin_[t + 1] - begin);
    steps_[t].settings = {};
  }
}

void PlainTensors::step(const WeightStepper& stepper) {
  for (std::size_t t = 0; t < steps_.size(); ++t) {
    steps_[t].own_sums.assign(static_cast<std::size_t>(stepper.layout().sums), 0.0);
    if (stepper.looks()) {
      stepper.look(*plans_[t], piece(t), begin_[t + 1] - begin_[t], steps_[t].own_sums.data());
      stepper.looked(*plans_[t], steps_[t].shape, steps_[t].own_sums);
    }
    steps_[t].step_sums = stepper.step(*plans_[t], piece(t), begin_[t + 1] - begin_[t], steps_[t].own_sums.data());
  }
}

void PlainTensors::clear(const WeightStepper& stepper) {
  std::fill(state_.begin(), state_.end(), std::byte{0});
  std::fill(records_.begin(), records_.end(), stepper.new_record());
}

std::size_t PlainTensors::tensor_of(std::size_t weight) const {
  return static_cast<std::size_t>(std::upper_bound(begin_.begin(), begin_.end(), weight) - begin_.begin()) - 1;
}

WeightPiece PlainTensors::piece(std::size_t tensor) const {
  auto& self = const_cast<PlainTensors&>(*this);  // a piece that is only read is not const
  const std::size_t begin = begin_[tensor];
  return {self.theta_.data() + begin, gradient_.data() + begin, self.state_.data() + begin * element_size_, theta_.size(),
          self.delta_.data() + begin};
}

WeightRun::WeightRun(std::shared_ptr<const WeightStepper> stepper, int dimension)
    : stepper_(std::move(stepper)),
      tensors_(*stepper_, {}, static_cast<std::size_t>(dimension)),
      run_(stepper_->new_run_record(0)) {}

void WeightRun::start(const Observation& first, const RunFrame& frame) {
  tensors_ = PlainTensors(*stepper_, frame.tensors, tensors_.delta().size());
  run_ = stepper_->new_run_record(frame.horizon);
  observe(first);
}

void WeightRun::observe(const Observation& next) {
  tensors_.load(next.theta, next.gradient);
  f_ = next.f;
  run_before_ = run_;
  records_before_ = tensors_.records();
  plan();
}

void WeightRun::plan() {
  stepped_ = false;
  run_.observe_loss(f_);
  double theta_square = 0;
  for (const TensorStep& t : tensors_.steps()) theta_square += t.sums.theta_square;
  stepper_->begin(run_, theta_square, static_cast<std::int64_t>(rows()));
  for (const TensorStep& t : tensors_.steps()) stepper_->plan(run_, *t.record, t.shape, t.sums, t.settings, *t.plan);
  decision_.clear();
  for (TensorRecord& record : tensors_.records())
    std::ranges::copy(stepper_->decision(record), std::back_inserter(decision_));
}

bool WeightRun::decision_due() const {
  const DecisionHead* head = stepper_->decisions();
  return head != nullptr && head->due(run_.step, run_.horizon);
}

std::size_t WeightRun::decision_features() const {
  return stepper_->decisions() != nullptr ? static_cast<std::size_t>(stepper_->decisions()->inputs()) : 0;
}

void WeightRun::write_decision_features(float* out) const {
  for (const TensorStep& t : tensors_.steps()) {
    stepper_->write_decision_features(*t.plan, out);
    out += decision_features();
  }
}

void WeightRun::take_decision() {
  const float* next = decision_.data();
  for (TensorStep& t : tensors_.steps()) {
    const std::span<double> own = stepper_->decision(*t.record);
    if (std::equal(own.begin(), own.end(), next)) {
      next += own.size();
      continue;
    }
    for (double& x : own) x = *next++;
    stepper_->plan_again(*t.record, *t.plan);
  }
}

void WeightRun::update() {
  take_decision();
  tensors_.step(*stepper_);
  end();
}

void WeightRun::end() {
  stepped_ = true;
  for (const TensorStep& t : tensors_.steps()) stepper_->end(run_, *t.record, t.shape, t.step_sums, t.own_sums);
  stepper_->end(run_);
}

void WeightRun::apply(std::span<double> theta) const { move(tensors_.delta(), theta); }

float WeightRun::largest_action(std::size_t i) const {
  return stepper_->largest_step(*tensors_.steps()[tensors_.tensor_of(i)].plan);
}

void WeightRun::write_features(std::span<const std::size_t> rows, float* out) const {
  for (const std::size_t i : rows) {
    const std::size_t t = tensors_.tensor_of(i);
    stepper_->write_features(*tensors_.steps()[t].plan, tensors_.piece(t), i - tensors_.begin_of(t), out);
    out += stepper_->features();
  }
}

void WeightRun::write_actions(std::span<const std::size_t> rows, float* out) const {
  for (const std::size_t i : rows) {
    const std::size_t t = tensors_.tensor_of(i);
    const float largest = largest_action(i);
    const float direction = stepper_->direction(tensors_.piece(t), i - tensors_.begin_of(t));
    const float share = largest > 0 ? direction * tensors_.delta()[i] / largest : 0.0F;
    *out++ = std::clamp(encode_step(std::clamp(share, -1.0F, 1.0F)), -1.0F, 1.0F);
  }
}

void WeightRun::save(ArchiveWriter& archive) const {
  std::vector<std::int64_t> shapes;
  for (const TensorStep& t : tensors_.steps()) shapes.insert(shapes.end(), {t.shape.size, t.shape.dimensions, t.shape.rows});
  archive(shapes, run_before_, records_before_, f_.has_value(), f_.value_or(0), decision_, tensors_, stepped_);
  for (const TensorStep& t : tensors_.steps()) archive(t.step_sums, t.own_sums);
}

void WeightRun::restore(ArchiveReader& archive) {
  const std::size_t dimension = rows();
  std::vector<std::int64_t> shapes;
  bool known = false, stepped = false;
  double f = 0;
  archive(shapes);
  std::vector<TensorShape> tensors;
  std::int64_t size = 0;
  for (std::size_t k = 0; k + 2 < shapes.size(); k += 3) {
    const std::int64_t weights = shapes[k], dimensions = shapes[k + 1], first = shapes[k + 2];
    const bool right = weights >= 0 && weights <= static_cast<std::int64_t>(dimension) - size && dimensions >= 0 &&
                       dimensions <= kMostDimensions && first >= std::min<std::int64_t>(weights, 1) &&
                       first <= std::max<std::int64_t>(weights, 1);
    if (!right) archive.fail("a tensor of no possible shape");
    tensors.push_back({weights, static_cast<int>(dimensions), first});
    size += weights;
  }
  if (size != static_cast<std::int64_t>(dimension)) archive.fail("a run of another number of weights");
  if (shapes.size() != 3 * tensors.size()) archive.fail("a tensor of no possible shape");
  tensors_ = PlainTensors(*stepper_, tensors, dimension);
  std::vector<float> decision;
  archive(run_before_, records_before_, known, f, decision, tensors_, stepped);
  if (records_before_.size() != tensors.size()) archive.fail("the parts do not fit together");
  if (!known && std::bit_cast<std::uint64_t>(f) != 0) archive.fail("a loss that is not known has a value");
  for (TensorStep& t : tensors_.steps()) archive(t.step_sums, t.own_sums);
  f_ = known ? std::optional(f) : std::nullopt;
  run_ = run_before_;
  tensors_.records() = records_before_;
  tensors_.add_up();
  plan();
  if (decision.size() != decision_.size()) archive.fail("the parts do not fit together");
  decision_ = std::move(decision);
  take_decision();
  if (stepped) end();
}

GuardedRun::GuardedRun(const std::shared_ptr<const WeightStepper>& stepper, std::span<const TensorShape> tensors,
                       std::size_t dimension, std::int64_t horizon, bool guarded)
    : step_(stepper, horizon, guarded), tensors_(*stepper, tensors, dimension) {}

void GuardedRun::step(std::span<double> theta, std::span<const double> gradient, std::optional<double> f) {
  theta_ = theta;
  gradient_ = gradient;
  tensors_.load(theta, gradient);
  step_.take(*this, f);
}

std::vector<TensorStep*> GuardedRun::tensors() {
  std::vector<TensorStep*> out;
  for (TensorStep& t : tensors_.steps()) out.push_back(&t);
  return out;
}

void GuardedRun::step(const WeightStepper& stepper) {
  tensors_.step(stepper);
  move(tensors_.delta(), theta_);
}

void GuardedRun::hold(bool all) {
  if (all) held_.assign(theta_.begin(), theta_.end());
}

void GuardedRun::restore() { std::copy(held_.begin(), held_.end(), theta_.begin()); }

double GuardedRun::slope() {
  double sum = 0;
  for (std::size_t i = 0; i < held_.size(); ++i) {
    const double part = gradient_[i] * (theta_[i] - held_[i]);
    if (std::isfinite(part)) sum += part;
  }
  return sum;
}

void GuardedRun::exchange() { std::swap_ranges(held_.begin(), held_.end(), theta_.begin()); }

void GuardedRun::clear() { tensors_.clear(step_.stepper()); }

}  // namespace scout
