// The rule of coordinates as a primitive: a network's steps, from point to point, over its own horizon.
#include <algorithm>
#include <cmath>

#include "scout/policy/control/primitive.h"
#include "scout/policy/rule/action.h"
#include "scout/policy/rule/update_rule.h"

namespace scout {
namespace {

/// Steps of an episode at most: the rule is made for so many.
constexpr double kLongestEpisode = 100;
constexpr double kShortestEpisode = 10;
/// Every other episode goes on from the best point, with steps and a region so much smaller, and smaller again each time.
constexpr double kRefinement = 0.1;
constexpr int kRefinements = 6;

class Stepping final : public Primitive {
 public:
  Question ask(Workspace& shared) override {
    if (!run_) run_ = shared.stepper->new_run(static_cast<int>(shared.memory.dimension()));
    if (asked_) return {point_, true};
    if (left_ == 0) {
      begin(shared);
    } else {
      std::ranges::copy(shared.outputs, run_->decision().begin());
      RuleRun* const alone = run_.get();
      shared.stepper->propose({&alone, 1}, scratch_);
      move(shared);
    }
    asked_ = true;
    return {point_, true};
  }

  void tell(Workspace& shared, const Answer& answer) override {
    asked_ = false;
    const bool finite = std::isfinite(answer.value) && !answer.gradient.empty();
    if (begins_) {
      if (!finite) return;  // another start
      here_ = {point_, {answer.gradient.begin(), answer.gradient.end()}, answer.value};
      best_ = here_;
      shared.memory.explored(point_, answer.value);
      const RunFrame frame{.scale = shared.step_scale * factor_, .horizon = horizon_, .lower = lower_, .upper = upper_};
      run_->start(observation(), frame);
      begins_ = false;
      left_ = horizon_;
      return;
    }
    if (finite) {
      here_ = {point_, {answer.gradient.begin(), answer.gradient.end()}, answer.value};
      if (here_.value < best_.value) best_ = here_;
      shared.memory.explored(point_, answer.value);
    } else {
      here_ = best_;
    }
    if (factor_ == 1) own_best_ = std::min(own_best_, best_.value);
    run_->observe(observation());
    if (--left_ == 0) shared.memory.minimum(best_.point, best_.value, 2.0 * static_cast<double>(horizon_));
  }

  double own_best() const override { return own_best_; }

  PrimitiveState state(const Workspace& shared) const override {
    PrimitiveState out;
    out.active = left_ > 0;
    if (!out.active) return out;
    out.lag = (best_.value - shared.memory.best_value()) / shared.memory.spread();
    out.progress = (here_.value - best_.value) / shared.memory.spread();
    out.narrow = std::log10(factor_);
    out.trouble = static_cast<double>(left_) / static_cast<double>(horizon_);
    return out;
  }

  void save(ArchiveWriter& archive) const override {
    const bool going = left_ > 0;  // else it begins anew, with nothing to keep
    archive(going);
    if (going) run_->save(archive);
    archive(asked_, begins_, episodes_, horizon_, left_, factor_, point_, lower_, upper_, here_, best_, own_best_);
  }
  void restore(ArchiveReader& archive, const Workspace& shared) override {
    bool going = false;
    archive(going);
    run_.reset();
    if (going) {
      run_ = shared.stepper->new_run(static_cast<int>(shared.memory.dimension()));
      run_->restore(archive);
    }
    archive(asked_, begins_, episodes_, horizon_, left_, factor_, point_, lower_, upper_, here_, best_, own_best_);
  }

 private:
  struct Point {
    std::vector<double> point, gradient;
    double value = 0;
    void visit(auto& archive) { archive(point, gradient, value); }
  };

  Observation observation() const { return {here_.point, here_.gradient, here_.value}; }

  void begin(Workspace& shared) {
    const std::size_t m = shared.memory.dimension();
    const auto best = shared.memory.best_point();
    point_.resize(m);
    factor_ = 1;
    if (episodes_ == 0) {
      point_ = shared.first;
    } else if (episodes_ % 2 == 1 && !best.empty() && shared.memory.best_is_own()) {
      point_.assign(best.begin(), best.end());
      factor_ = std::pow(kRefinement, 1 + (episodes_ / 2) % kRefinements);
    } else {
      shared.sequence.next(point_, shared.random);
    }
    ++episodes_;
    const double steps = shared.left / (1 + shared.gradient_price);
    horizon_ = static_cast<std::int64_t>(std::clamp(steps, kShortestEpisode, kLongestEpisode));
    lower_.resize(m);
    upper_.resize(m);
    for (std::size_t i = 0; i < m; ++i) {
      lower_[i] = factor_ < 1 ? point_[i] - 0.5 * factor_ : 0;
      upper_[i] = factor_ < 1 ? point_[i] + 0.5 * factor_ : 1;
    }
    begins_ = true;
  }

  /// Takes the step that the run proposes; where it is cut at a bound, the action becomes that of the step taken.
  void move(const Workspace& shared) {
    point_ = here_.point;
    run_->apply(point_);
    for (std::size_t i = 0; i < point_.size(); ++i) {
      const double inside = std::clamp(point_[i], shared.lower[i], shared.upper[i]);
      if (inside == point_[i]) continue;
      point_[i] = inside;
      run_->actions()[i] = encode_step(static_cast<float>((inside - here_.point[i]) / (shared.step_scale * factor_)));
    }
  }

  std::unique_ptr<RuleRun> run_;
  ProposalScratch scratch_;
  bool asked_ = false, begins_ = false;
  int episodes_ = 0;
  std::int64_t horizon_ = 1, left_ = 0;
  double factor_ = 1;
  std::vector<double> point_, lower_, upper_;
  Point here_, best_;
  double own_best_ = std::numeric_limits<double>::infinity();
};

}  // namespace

std::unique_ptr<Primitive> rule_steps() { return std::make_unique<Stepping>(); }

}  // namespace scout
