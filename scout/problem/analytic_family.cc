#include "scout/problem/analytic_family.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "scout/problem/orthogonal_map.h"

namespace scout {
namespace {

constexpr int kRotationBlock = 256;
/// The part of the room between the optimum's nominal place and the box's wall within which the optimum moves.
constexpr double kShift = 0.6;
/// A rotation can turn an optimum that is far from the centre out of the box; it is then brought back to this part of it.
constexpr double kInner = 0.9;

class AnalyticInstance : public Instance {
 public:
  AnalyticInstance(const AnalyticFunction& function, bool rotated, int dimension, Seed seed)
      : function_(function), dimension_(static_cast<std::size_t>(dimension)), map_(make_map(rotated, dimension, seed)) {
    if (function.sample_parameters != nullptr) {
      Random random(seed.derive("parameters"));
      parameters_ = function.sample_parameters(dimension, random);
    }
    Random magnitude(seed.derive("magnitude"));
    scale_ = magnitude.log_uniform(0.1, 10.0);
    amplitude_ = magnitude.log_uniform(0.01, 100.0);
    offset_ = amplitude_ * 10.0 * magnitude.normal();
    place(seed);
  }

  int dimension() const override { return static_cast<int>(dimension_); }

  void evaluate(std::span<const double> theta, std::span<double> f, std::span<double> gradient) const override {
    const std::size_t m = dimension_;
    for (std::size_t b = 0; b * m < theta.size(); ++b) {
      const double value = evaluate_one(theta.subspan(b * m, m), gradient.empty() ? gradient : gradient.subspan(b * m, m));
      if (!f.empty()) f[b] = value;
    }
  }

  double true_value(std::span<const double> theta) const override { return evaluate_one(theta, {}); }

  void sample_start(Random& random, std::span<double> theta) const override {
    for (std::size_t i = 0; i < dimension_; ++i) theta[i] = random.uniform(lower_[i], upper_[i]);
  }

  std::span<const double> lower() const override { return lower_; }
  std::span<const double> upper() const override { return upper_; }

  double value_scale() const override { return amplitude_; }

  std::optional<double> optimum_value() const override {
    if (!optimum_known_) return std::nullopt;
    return true_value(theta_pivot_);
  }
  std::span<const double> optimum() const override { return optimum_known_ ? theta_pivot_ : std::span<const double>(); }

 private:
  static OrthogonalMap make_map(bool rotated, int dimension, Seed seed) {
    Random random(seed.derive("rotation"));
    return OrthogonalMap(dimension, rotated ? std::min(dimension, kRotationBlock) : 1, random);
  }

  /// Chooses the box and the point θ* in it that goes to z*, or to the domain's centre if z* is unknown.
  void place(Seed seed) {
    const std::size_t m = dimension_;
    const double half = 0.5 * (function_.domain.upper - function_.domain.lower);
    const double centre = 0.5 * (function_.domain.upper + function_.domain.lower);
    if (function_.optimum != nullptr) z_pivot_ = function_.optimum(static_cast<int>(m), parameters_);
    optimum_known_ = !z_pivot_.empty();
    z_pivot_.resize(m, centre);

    std::vector<double> from_centre(m), turned(m);
    for (std::size_t i = 0; i < m; ++i) from_centre[i] = z_pivot_[i] - centre;
    map_.apply_transposed(from_centre, turned);

    Random box(seed.derive("box"));
    Random shift(seed.derive("shift"));
    theta_pivot_.resize(m);
    lower_.resize(m);
    upper_.resize(m);
    for (std::size_t i = 0; i < m; ++i) {
      const double middle = scale_ * half * box.uniform(-1.0, 1.0);
      lower_[i] = middle - scale_ * half;
      upper_[i] = middle + scale_ * half;
      const double nominal = std::clamp(turned[i], -kInner * half, kInner * half);
      const double room = half - std::abs(nominal);
      theta_pivot_[i] = middle + scale_ * (nominal + kShift * room * shift.uniform(-1.0, 1.0));
    }
  }

  double evaluate_one(std::span<const double> theta, std::span<double> gradient) const {
    const std::size_t m = dimension_;
    thread_local std::vector<double> scratch;
    if (scratch.size() < 2 * m) scratch.resize(2 * m);
    const std::span<double> u(scratch.data(), m);  // first (θ - θ*) / s, then ∇φ
    const std::span<double> z(scratch.data() + m, m);

    const double inverse_scale = 1.0 / scale_;
    for (std::size_t i = 0; i < m; ++i) u[i] = (theta[i] - theta_pivot_[i]) * inverse_scale;
    map_.apply(u, z);
    for (std::size_t i = 0; i < m; ++i) z[i] += z_pivot_[i];
    if (gradient.empty()) return amplitude_ * function_.evaluate(z, {}, parameters_) + offset_;

    const double f = function_.evaluate(z, u, parameters_);
    map_.apply_transposed(u, gradient);
    const double factor = amplitude_ * inverse_scale;
    for (std::size_t i = 0; i < m; ++i) gradient[i] *= factor;
    return amplitude_ * f + offset_;
  }

  const AnalyticFunction& function_;
  std::size_t dimension_;
  OrthogonalMap map_;
  Parameters parameters_;
  double scale_, amplitude_, offset_;
  bool optimum_known_ = false;
  std::vector<double> z_pivot_, theta_pivot_;
  std::vector<double> lower_, upper_;
};

class AnalyticFamily : public Family {
 public:
  AnalyticFamily(const AnalyticFunction& function, bool rotated)
      : Family(std::string(function.name) + (rotated ? "-rotated" : ""),
               std::string(function.summary) + (rotated ? ", rotated" : "")),
        function_(function),
        rotated_(rotated) {}

  std::unique_ptr<Instance> sample(Split split, std::uint64_t index, int dimension) const override {
    if (dimension < function_.minimum_dimension) {
      throw std::invalid_argument("problem '" + name() + "': dimension is " + std::to_string(dimension) +
                                  ": must be at least " + std::to_string(function_.minimum_dimension));
    }
    const Seed seed = instance_seed(name(), split, index, dimension);
    return std::make_unique<AnalyticInstance>(function_, rotated_, dimension, seed);
  }

 private:
  const AnalyticFunction& function_;
  bool rotated_;
};

}  // namespace

std::shared_ptr<const Family> analytic_family(const AnalyticFunction& function, bool rotated) {
  return std::make_shared<AnalyticFamily>(function, rotated);
}

}  // namespace scout
