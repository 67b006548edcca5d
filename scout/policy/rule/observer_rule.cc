#include "scout/policy/rule/observer_rule.h"

#include <algorithm>
#include <stdexcept>

#include "scout/policy/rule/action.h"

namespace scout {
namespace {

class ObserverRun : public RuleRun {
 public:
  ObserverRun(std::unique_ptr<Observer> observer, int actions)
      : observer_(std::move(observer)),
        row_actions_(static_cast<std::size_t>(actions)),
        actions_(static_cast<std::size_t>(observer_->dimension())) {}

  const Observer& observer() const { return *observer_; }

  void start(const Observation& first, const RunFrame& frame) override {
    scales_.assign(actions_.size(), frame.scale);
    std::copy(frame.scales.begin(), frame.scales.end(), scales_.begin());
    std::fill(actions_.begin(), actions_.end(), 0.0F);
    observer_->start(first.theta, value(first), first.gradient, frame);
  }
  void observe(const Observation& next) override { observer_->observe(actions_, next.theta, value(next), next.gradient); }

  std::span<float> actions() override { return actions_; }
  void apply(std::span<double> theta) const override {
    for (std::size_t i = 0; i < actions_.size(); ++i)
      theta[i] += scales_[i] * static_cast<double>(decode_action(actions_[i]));
  }

  std::size_t rows() const override { return static_cast<std::size_t>(observer_->rows()); }
  std::size_t features() const override { return static_cast<std::size_t>(observer_->features()); }
  void write_features(std::span<const std::size_t> rows, float* out) const override {
    bool all = rows.size() == this->rows();
    for (std::size_t r = 0; all && r < rows.size(); ++r) all = rows[r] == r;
    if (all) return observer_->write(out);
    const std::size_t width = features();
    std::vector<float> all_features(this->rows() * width);
    observer_->write(all_features.data());
    for (const std::size_t row : rows) out = std::copy_n(all_features.data() + row * width, width, out);
  }
  void write_actions(std::span<const std::size_t> rows, float* out) const override {
    std::vector<float> oriented = actions_;
    observer_->orient(oriented);
    for (const std::size_t row : rows) out = std::copy_n(oriented.data() + row * row_actions_, row_actions_, out);
  }
  void orient(std::span<float> numbers) const override { observer_->orient(numbers); }

  void save(ArchiveWriter& archive) const override {
    archive(scales_);
    archive(actions_);
    observer_->save(archive);
  }
  void restore(ArchiveReader& archive) override {
    const std::size_t dimension = actions_.size();
    archive(scales_);
    archive(actions_);
    if (actions_.size() != dimension || scales_.size() != dimension) archive.fail("a run of another number of coordinates");
    observer_->restore(archive);
  }

 private:
  static double value(const Observation& point) {
    if (!point.f) throw std::invalid_argument("a rule for functions needs f of every point");
    return *point.f;
  }

  std::unique_ptr<Observer> observer_;
  std::size_t row_actions_;
  std::vector<double> scales_;  // the largest step of each coordinate
  std::vector<float> actions_;
};

class ObserverStepper : public Stepper {
 public:
  ObserverStepper(Actor actor, ObserverRule::NewObserver new_observer, std::span<const float> parameters)
      : actor_(std::move(actor)),
        new_observer_(std::move(new_observer)),
        parameters_(parameters.begin(), parameters.end()) {}

  std::unique_ptr<RuleRun> new_run(int dimension) const override {
    return std::make_unique<ObserverRun>(new_observer_(dimension), actor_.actions());
  }

  void propose(std::span<RuleRun* const> runs, ProposalScratch& scratch) const override {
    std::size_t rows = 0;
    for (const RuleRun* run : runs) rows += run->rows();
    scratch.features.resize(rows * static_cast<std::size_t>(actor_.features()));
    scratch.actions.resize(rows * static_cast<std::size_t>(actor_.actions()));
    float* features = scratch.features.data();
    for (const RuleRun* run : runs) {
      const Observer& observer = static_cast<const ObserverRun*>(run)->observer();
      observer.write(features);
      features += static_cast<std::ptrdiff_t>(observer.rows()) * observer.features();
    }
    actor_.forward(parameters_.data(), scratch.features.data(), static_cast<int>(rows), scratch.trace,
                   scratch.actions.data());
    const float* action = scratch.actions.data();
    for (RuleRun* run : runs) {
      const std::span<float> actions = run->actions();
      std::copy_n(action, actions.size(), actions.begin());
      run->orient(actions);
      action += actions.size();
    }
  }

 private:
  Actor actor_;
  ObserverRule::NewObserver new_observer_;
  std::vector<float> parameters_;
};

}  // namespace

std::shared_ptr<const Stepper> ObserverRule::with(std::span<const float> parameters) const {
  require_parameter_count(parameters.size());
  return std::make_shared<ObserverStepper>(actor_, new_observer_, parameters);
}

}  // namespace scout
