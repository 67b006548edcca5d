// The rule "joint": one network for all coordinates of a function of fixed, small M, on a fixed-length history of (f(θ), θ,
// Δθ) tuples, with ∇f as an option.
#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "scout/policy/rule/action.h"
#include "scout/policy/rule/observer_rule.h"
#include "scout/policy/rules.h"

namespace scout {
namespace {

/// One row: for each of the last H steps f relative to the range seen, θ - θ_best, Δθ (both as actions) and, optionally, ∇f
/// over its largest coordinate so far; then the elapsed fraction of the horizon. Steps before the start are zero.
///
/// `absolute`: in place of θ - θ_best where θ lies in the box, -1 at its lower wall and 1 at its upper, and no time. The
/// features are then the founding text's tuples and nothing else, and a policy can learn by heart where optima lie.
class JointObserver : public Observer {
 public:
  struct Shape {
    int dimension;
    int history;
    bool gradient;
    bool absolute;
    bool linear;
    int features() const { return history * (1 + (gradient ? 3 : 2) * dimension) + (absolute ? 0 : 2); }
  };
  explicit JointObserver(const Shape& shape)
      : Observer(shape.dimension, shape.dimension, nullptr, shape.linear), shape_(shape) {}

  std::size_t rows() const override { return 1; }
  std::size_t features() const override { return static_cast<std::size_t>(shape_.features()); }

  void write(float* features) const override {
    std::fill_n(features, this->features(), 0.0F);
    const double range = worst_ > best_ ? worst_ - best_ : 1.0;
    float* out = features;
    for (const Step& step : steps_) {
      *out++ = encode_step(static_cast<float>((step.f - best_) / range));
      for (std::size_t i = 0; i < step.theta.size(); ++i) {
        const double place = (step.theta[i] - zero_[i]) / (shape_.absolute ? unit_[i] : scale_);
        *out++ = shape_.absolute ? static_cast<float>(std::clamp(place, -2.0, 2.0))
                                 : std::clamp(encode_step(static_cast<float>(place)), -2.0F, 2.0F);
      }
      out = std::copy(step.actions.begin(), step.actions.end(), out);
      for (double g : step.gradient) {
        *out++ = encode_step(static_cast<float>(largest_gradient_ > 0 ? g / largest_gradient_ : 0.0));
      }
    }
    if (shape_.absolute) return;
    features[this->features() - 2] = static_cast<float>(step_) / static_cast<float>(horizon_);
    features[this->features() - 1] = 1.0F / (1.0F + static_cast<float>(step_));
  }

  void save(ArchiveWriter& archive) const override {
    Observer::save(archive);
    archive(*this);
  }
  void restore(ArchiveReader& archive) override {
    Observer::restore(archive);
    archive(*this);
  }
  template <class Archive>
  void visit(Archive& archive) {
    archive(scale_, horizon_, step_, best_, worst_, largest_gradient_, zero_, steps_);
    if (shape_.absolute) archive(unit_);
  }

 protected:
  void begin(const Observation& first, const RunFrame& frame) override {
    scale_ = frame.scale;
    horizon_ = static_cast<int>(frame.horizon);
    step_ = 0;
    best_ = worst_ = *first.f;
    largest_gradient_ = 0;
    zero_.assign(first.theta.begin(), first.theta.end());
    if (shape_.absolute && frame.lower.size() != zero_.size()) {
      throw std::invalid_argument("a joint rule with absolute = true needs the box of θ");
    }
    unit_.assign(shape_.absolute ? zero_.size() : 0, 1.0);
    for (std::size_t i = 0; i < unit_.size(); ++i) {
      zero_[i] = 0.5 * (frame.lower[i] + frame.upper[i]);
      unit_[i] = 0.5 * (frame.upper[i] - frame.lower[i]);
    }
    steps_.clear();
    remember(first);
  }

  void take_in(const Observation& next) override {
    ++step_;
    worst_ = std::max(worst_, *next.f);
    if (*next.f < best_) {
      best_ = *next.f;
      if (!shape_.absolute) zero_.assign(next.theta.begin(), next.theta.end());
    }
    remember(next);
  }

 private:
  struct Step {
    double f;
    std::vector<double> theta;
    std::vector<float> actions;
    std::vector<double> gradient;
    template <class Archive>
    void visit(Archive& archive) {
      archive(f, theta, actions, gradient);
    }
  };

  void remember(const Observation& point) {
    Step step{*point.f, {point.theta.begin(), point.theta.end()}, {actions().begin(), actions().end()}, {}};
    if (shape_.gradient) {
      step.gradient.assign(point.gradient.begin(), point.gradient.end());
      for (double g : point.gradient) largest_gradient_ = std::max(largest_gradient_, std::abs(g));
    }
    steps_.insert(steps_.begin(), std::move(step));
    if (static_cast<int>(steps_.size()) > shape_.history) steps_.pop_back();
  }

  Shape shape_;
  double scale_ = 1;
  int horizon_ = 1;
  int step_ = 0;
  double best_ = 0;
  double worst_ = 0;
  double largest_gradient_ = 0;
  std::vector<double> zero_;  // what θ is relative to: the best point; absolute: the box's centre
  std::vector<double> unit_;  // absolute: half of the box's width
  std::vector<Step> steps_;   // newest first
};

std::shared_ptr<const UpdateRule> make_joint_rule(const RuleOptions& options) {
  const JointObserver::Shape shape{options.dimension, options.history, options.gradient, options.absolute,
                                   options.code == "linear"};
  const int m = options.dimension;
  if (m < 1) throw_bad_option("dimension", std::to_string(m), "at least 1");
  const auto new_observer = [=](int dimension, std::shared_ptr<const DecisionHead>) {
    if (dimension != m) {
      throw std::invalid_argument("a joint policy for M = " + std::to_string(m) +
                                  " cannot minimise a function of M = " + std::to_string(dimension) +
                                  ": train one for this dimension, or use a policy of the rule \"coordinate\"");
    }
    return std::make_unique<JointObserver>(shape);
  };
  std::string signature = "joint/1:" + observed(shape.gradient) + ":M=" + std::to_string(m) +
                          ":H=" + std::to_string(shape.history) + (shape.absolute ? ":absolute" : "") +
                          (shape.linear ? ":linear" : "");
  return std::make_shared<ObserverRule>(Actor(shape.features(), options.hidden, m), new_observer, shape.gradient,
                                        options.step_scale, std::move(signature));
}

}  // namespace

RuleEntry joint_rule() {
  return {"joint",
          "functions of one M: one network for all coordinates, on the last points as they are",
          {"dimension", "hidden", "gradient", "history", "absolute", "code", "step_scale"},
          make_joint_rule};
}

}  // namespace scout
