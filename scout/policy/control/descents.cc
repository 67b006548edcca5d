// Descents: local searches, which differ in where they begin.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "scout/policy/control/local_search.h"
#include "scout/policy/control/models.h"
#include "scout/policy/control/primitive.h"

namespace scout {
namespace {

/// The first step along an axis, as a share of the box's width, where nothing is known.
constexpr double kFirstStep = 0.01;

/// A gradient that costs more values than this is dear.
constexpr double kDearGradient = 3;

/// A search is given up if it promises, times this, less than it is above the best value, for so many steps in a row.
constexpr double kOptimism = 100;
constexpr int kHopeless = 2;
/// Minima that differ by less than this, in spreads, are equally good.
constexpr double kNoticeable = 1e-6;

struct Begin {
  std::vector<double> point;
  double first_step;  ///< along an axis
};

class Descent : public Primitive {
 public:
  Question ask(Workspace& shared) final {
    if (search_ && goes_elsewhere(shared)) search_.reset();
    if (!search_ || search_->over()) {
      Begin begin = this->begin(shared);
      const double axes = std::sqrt(static_cast<double>(begin.point.size()));
      search_.emplace(shared.lower, shared.upper);
      search_->start(begin.point, {.first_step = begin.first_step * axes,
                                   .spread = kNoticeable * shared.memory.spread(),
                                   .dear_gradients = shared.gradient_price > kDearGradient});
      calls_ = 0;
      hopeless_ = 0;
      progress_ = 1;
    }
    return search_->ask();
  }

  void tell(Workspace& shared, const Answer& answer) final {
    const double before = search_->value();
    const int steps = search_->steps();
    calls_ += 1 + (search_->ask().gradient ? shared.gradient_price : 0);
    search_->tell(answer);
    least_ = std::min(least_, search_->value());
    if (steps == 0 && std::isinf(before) && std::isfinite(search_->value())) {
      shared.memory.explored(search_->point(), search_->value());
    }
    if (search_->steps() > steps) {
      progress_ = 0.5 * progress_ + 0.5 * std::min(1.0, (before - search_->value()) / shared.memory.spread());
    }
    const bool hopeless = search_->steps() > steps && is_hopeless(shared.memory);
    hopeless_ = hopeless ? hopeless_ + 1 : search_->steps() > steps ? 0 : hopeless_;
    if (hopeless_ >= kHopeless) search_->stop();
    if (search_->over()) shared.memory.minimum(search_->point(), search_->value(), calls_);
  }

  PrimitiveState state(const Workspace& shared) const final {
    PrimitiveState out;
    out.active = search_ && !search_->over() && std::isfinite(search_->value());
    if (!out.active) return out;
    out.lag = (search_->value() - shared.memory.best_value()) / shared.memory.spread();
    out.progress = progress_;
    return out;
  }

  void save(ArchiveWriter& archive) const final {
    archive(search_.has_value());
    if (search_) archive(*search_);
    archive(calls_, progress_, hopeless_, least_);
    archive(last_, base_);
  }
  void restore(ArchiveReader& archive, const Workspace& shared) final {
    bool begun = false;
    archive(begun);
    search_.reset();
    if (begun) archive(search_.emplace(shared.lower, shared.upper));
    archive(calls_, progress_, hopeless_, least_);
    archive(last_, base_);
  }

 protected:
  /// Whether what the search still promises is far too little to reach the best value.
  bool is_hopeless(const Memory& memory) const {
    const double above = search_->value() - memory.best_value();
    return above > kNoticeable * memory.spread() && kOptimism * search_->promised() < above;
  }
  virtual Begin begin(Workspace& shared) = 0;
  /// Whether it had better begin anew than go on.
  virtual bool goes_elsewhere([[maybe_unused]] const Workspace& shared) { return false; }
  double least() const { return least_; }
  const LocalSearch* search() const { return search_ ? &*search_ : nullptr; }

  std::vector<double> last_;                               ///< where a model was lowest that was descended from last
  double base_ = std::numeric_limits<double>::infinity();  ///< the best value that hops have gone on from

 private:
  std::optional<LocalSearch> search_;
  double calls_ = 0, progress_ = 0;
  int hopeless_ = 0;
  double least_ = std::numeric_limits<double>::infinity();  ///< value of all its searches
};

std::vector<double> next_of(Workspace& shared) {
  std::vector<double> point(shared.memory.dimension());
  shared.sequence.next(point, shared.random);
  return point;
}

std::vector<double> best_of(const Workspace& shared) {
  const auto best = shared.memory.best_point();
  return best.empty() ? shared.first : std::vector<double>(best.begin(), best.end());
}

/// From where the run began; then from one point of the sequence after the other.
class FromSequence final : public Descent {
  double own_best() const override { return least(); }
  Begin begin(Workspace& shared) override {
    if (shared.memory.minima().empty()) return {shared.first, kFirstStep};
    return {next_of(shared), kFirstStep};
  }
};

/// TikTak (Arnoud, Guvenen & Kleineberg 2019): from mixtures of the best probe that is left and the best point, in which the
/// latter grows.
class FromMixture final : public Descent {
  Begin begin(Workspace& shared) override {
    Begin out{next_of(shared), kFirstStep};
    if (!shared.probes.empty()) {
      const auto least = std::ranges::min_element(shared.probes, {}, &Probe::value);
      out.point = least->point;
      shared.probes.erase(least);
    }
    const double share = shared.memory.minima().empty() ? 0 : std::clamp(std::sqrt(shared.used), 0.1, 0.95);
    const std::vector<double> best = best_of(shared);
    for (std::size_t i = 0; i < best.size(); ++i) out.point[i] += share * (best[i] - out.point[i]);
    out.first_step *= 1.05 - share;
    return out;
  }
};

/// Basin hopping (Wales & Doye 1997), to lower minima only. A best point that another primitive has found is descended from
/// first.
class FromHop final : public Descent {
  Begin begin(Workspace& shared) override {
    Begin out{best_of(shared), kFirstStep};
    if (shared.memory.best_value() < base_ && shared.memory.best_is_own()) {
      out.first_step = 0.01;
    } else {
      for (double& x : out.point) {
        x += shared.radius * shared.random.normal();
        if (x < 0 || x > 1) x = std::abs(x - 2 * std::floor((x + 1) / 2));  // reflected
      }
      out.first_step = std::max(1e-6, 0.5 * shared.radius);
    }
    base_ = shared.memory.best_value();
    return out;
  }

  bool goes_elsewhere(const Workspace& shared) override {
    const double best = shared.memory.best_value(), spread = shared.memory.spread();
    const double own = std::min(base_, search()->value());
    if (best < own - 1e-3 * spread && shared.memory.best_is_own()) return true;
    base_ = std::min(base_, search()->value());
    return false;
  }
};

/// From where the separable model is lowest; from some other low place of its axes where that was descended from already.
class FromSeparable final : public Descent {
  Begin begin(Workspace& shared) override {
    std::vector<double> point = separable_minimum(shared.memory);
    if (point.empty()) return {next_of(shared), kFirstStep};
    if (point == last_) {
      const double rate = std::max(0.15, 1 / static_cast<double>(point.size()));
      for (double& x : point) {
        if (shared.random.chance(rate)) x = shared.random.uniform();
      }
    } else {
      last_ = point;
    }
    return {std::move(point), 0.01};
  }
};

/// From where the quadratic model is lowest.
class FromQuadratic final : public Descent {
  Begin begin(Workspace& shared) override {
    std::vector<double> point = quadratic_minimum(shared.memory);
    if (point.empty()) return {next_of(shared), kFirstStep};
    double distance = last_.empty() ? 1 : 0;
    for (std::size_t i = 0; i < last_.size(); ++i) distance = std::max(distance, std::abs(last_[i] - point[i]));
    if (distance < 1e-3) {
      for (double& x : point) x = std::clamp(x + shared.radius * shared.random.normal(), 0.0, 1.0);
    } else {
      last_ = point;
    }
    return {std::move(point), 0.02};
  }
};

}  // namespace

std::unique_ptr<Primitive> descent_from_sequence() { return std::make_unique<FromSequence>(); }
std::unique_ptr<Primitive> descent_from_mixture() { return std::make_unique<FromMixture>(); }
std::unique_ptr<Primitive> descent_from_hop() { return std::make_unique<FromHop>(); }
std::unique_ptr<Primitive> descent_from_separable() { return std::make_unique<FromSeparable>(); }
std::unique_ptr<Primitive> descent_from_quadratic() { return std::make_unique<FromQuadratic>(); }

}  // namespace scout
