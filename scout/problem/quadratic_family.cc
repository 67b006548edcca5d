#include "scout/problem/quadratic_family.h"

#include <algorithm>
#include <stdexcept>

#include "scout/problem/orthogonal_map.h"

namespace scout {
namespace {

constexpr double kStartDeviation = 0.01;
constexpr double kHalfWidth = 3;
constexpr int kRotationBlock = 256;

class QuadraticInstance : public Instance {
 public:
  QuadraticInstance(bool uniform, bool rotated, std::size_t m, Seed seed)
      : matrix_(m * m), target_(m), lower_(m, -kHalfWidth) {
    upper_.assign(m, kHalfWidth);
    const auto fill = [&](std::vector<double>& numbers, const char* axis) {
      Random random(seed.derive(axis));
      for (double& x : numbers) x = uniform ? random.uniform() : random.normal();
    };
    fill(matrix_, "matrix");
    fill(target_, "target");
    if (!rotated) return;
    Random random(seed.derive("rotation"));
    const int size = static_cast<int>(m);
    const OrthogonalMap map(size, std::min(size, kRotationBlock), random);
    const std::vector<double> before = matrix_;
    for (std::size_t r = 0; r < m; ++r) map.apply(std::span(before).subspan(r * m, m), std::span(matrix_).subspan(r * m, m));
  }

  int dimension() const override { return static_cast<int>(target_.size()); }

  void evaluate(std::span<const double> theta, std::span<double> f, std::span<double> gradient) const override {
    const std::size_t m = target_.size();
    for (std::size_t b = 0; b * m < theta.size(); ++b) {
      const double value = evaluate_one(theta.subspan(b * m, m), gradient.empty() ? gradient : gradient.subspan(b * m, m));
      if (!f.empty()) f[b] = value;
    }
  }

  double true_value(std::span<const double> theta) const override { return evaluate_one(theta, {}); }
  void sample_start(Random& random, std::span<double> theta) const override {
    for (double& x : theta) x = kStartDeviation * random.normal();
  }
  std::span<const double> lower() const override { return lower_; }
  std::span<const double> upper() const override { return upper_; }
  /// W is regular with probability 1.
  std::optional<double> optimum_value() const override { return 0.0; }

 private:
  double evaluate_one(std::span<const double> theta, std::span<double> gradient) const {
    const std::size_t m = target_.size();
    std::ranges::fill(gradient, 0.0);
    double f = 0;
    for (std::size_t r = 0; r < m; ++r) {
      const double* row = &matrix_[r * m];
      double residual = -target_[r];
      for (std::size_t i = 0; i < m; ++i) residual += row[i] * theta[i];
      f += residual * residual;
      for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] += 2 * residual * row[i];
    }
    return f;
  }

  std::vector<double> matrix_, target_;
  std::vector<double> lower_, upper_;
};

class QuadraticFamily : public Family {
 public:
  QuadraticFamily(bool uniform, bool rotated)
      : Family(std::string(uniform ? "quadratic-uniform" : "quadratic") + (rotated ? "-rotated" : ""),
               std::string(uniform ? "|Wθ - y|², entries uniform in [0, 1]: ill-conditioned (Andrychowicz et al. 2016, code)"
                                   : "|Wθ - y|², normal entries: ill-conditioned (Andrychowicz et al. 2016)") +
                   (rotated ? ", rotated" : "")),
        uniform_(uniform),
        rotated_(rotated) {}

  std::unique_ptr<Instance> sample(Split split, std::uint64_t index, int dimension) const override {
    if (dimension < 1) {
      throw std::invalid_argument("problem '" + name() + "': dimension is " + std::to_string(dimension) +
                                  ": must be at least 1");
    }
    return std::make_unique<QuadraticInstance>(uniform_, rotated_, static_cast<std::size_t>(dimension),
                                               instance_seed(name(), split, index, dimension));
  }

 private:
  bool uniform_;
  bool rotated_;
};

}  // namespace

std::shared_ptr<const Family> quadratic_family(bool uniform, bool rotated) {
  return std::make_shared<QuadraticFamily>(uniform, rotated);
}

}  // namespace scout
