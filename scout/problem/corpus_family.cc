#include "scout/problem/corpus_family.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <stdexcept>

#include "scout/problem/orthogonal_map.h"

namespace scout {
namespace {

constexpr std::size_t kSamples = 1000;
constexpr double kHalfWidth = 5;  // of z
constexpr int kRotationBlock = 256;
constexpr double kEpsilon = 1e-6;
constexpr double kFloor = 1e-12;  // of the least value, against rounding

/// f at z [M], and ∇f unless it is empty, given the sums over `count` samples of each column of the data [M].
using Formula = double (*)(std::span<const double> z, std::span<double> g, const double* sums, double count);

double dependency_chain(std::span<const double> z, std::span<double> g, const double*, double) {
  const auto terms = static_cast<double>(z.size() - 1);  // their broadcast sum has the first term as often
  double f = terms * z[0] * z[0];
  std::ranges::fill(g, 0.0);
  if (!g.empty()) g[0] = 2 * terms * z[0];
  for (std::size_t i = 1; i < z.size(); ++i) {
    const double below = z[i - 1] * z[i - 1] + kEpsilon, term = z[i] * z[i] / below;
    f += term;
    if (g.empty()) continue;
    g[i] += 2 * z[i] / below;
    g[i - 1] -= 2 * z[i - 1] * term / below;
  }
  return f;
}

double min_max_well(std::span<const double> z, std::span<double> g, const double*, double) {
  const auto smaller = [](double a, double b) { return std::abs(a) < std::abs(b); };
  const auto least = static_cast<std::size_t>(std::min_element(z.begin(), z.end(), smaller) - z.begin());
  const auto most = static_cast<std::size_t>(std::max_element(z.begin(), z.end(), smaller) - z.begin());
  std::ranges::fill(g, 0.0);
  if (!g.empty()) {
    g[most] += 2 * z[most];
    g[least] -= 2 / (z[least] * z[least] * z[least]);
  }
  return z[most] * z[most] + 1 / (z[least] * z[least]) - 2 + kFloor;
}

double outward_snake(std::span<const double> z, std::span<double> g, const double* sums, double) {
  double square = 0;
  for (const double x : z) square += x * x;
  const double radius = std::sqrt(square), inverse = 1 / (radius + kEpsilon);
  double f = sums[0] * inverse;
  for (std::size_t i = 0; i < g.size(); ++i) g[i] = radius > 0 ? -sums[0] * inverse * inverse * z[i] / radius : 0.0;
  for (std::size_t i = 1; i < z.size(); ++i) {
    const double off = z[i] - std::numbers::pi * std::cos(z[i - 1]);
    f += sums[i] * off * off;
    if (g.empty()) continue;
    g[i] += 2 * sums[i] * off;
    g[i - 1] += 2 * sums[i] * off * std::numbers::pi * std::sin(z[i - 1]);
  }
  return f;
}

double projection_quadratic(std::span<const double> z, std::span<double> g, const double* sums, double) {
  double f = 0;
  for (std::size_t i = 0; i < z.size(); ++i) f += sums[i] * z[i] * z[i];
  for (std::size_t i = 0; i < g.size(); ++i) g[i] = 2 * sums[i] * z[i];
  return f;
}

double sum_of_quadratics(std::span<const double> z, std::span<double> g, const double* sums, double count) {
  double f = kFloor;
  for (std::size_t i = 0; i < z.size(); ++i) f += (count * z[i] - 2 * sums[i]) * z[i];
  for (std::size_t i = 0; i < g.size(); ++i) g[i] = 2 * (count * z[i] - sums[i]);
  return f;
}

enum class Data { none, binary, squares, symmetric };
/// `value`: f* is 0, at 0, but f bends there within a thousandth, which no difference of f resolves; the point is not told.
enum class Optimum { unknown, value, zeros, ones };

struct Row {
  const char* name;
  const char* summary;
  Formula formula;
  Data data;
  Optimum optimum;
};

constexpr Row kRows[] = {
    {"dependency-chain", "coordinates that come to 0 one after the other (Wichrowska et al. 2017)", dependency_chain,
     Data::none, Optimum::value},
    {"min-max-well", "only the least and the greatest coordinate have a gradient (Wichrowska et al. 2017)", min_max_well,
     Data::none, Optimum::ones},
    {"outward-snake", "a winding path out to infinity, in minibatches (Wichrowska et al. 2017)", outward_snake, Data::binary,
     Optimum::unknown},
    {"projection-quadratic", "a bowl seen along random directions, in minibatches (Wichrowska et al. 2017)",
     projection_quadratic, Data::squares, Optimum::zeros},
    {"sum-of-quadratics", "bowls around random points, in minibatches (Wichrowska et al. 2017)", sum_of_quadratics,
     Data::symmetric, Optimum::zeros},
};

class CorpusInstance : public Instance {
 public:
  CorpusInstance(const Row& row, bool rotated, int dimension, Seed seed)
      : row_(row), seed_(seed.derive("minibatch")), scale_(Random(seed.derive("scale")).log_uniform(0.1, 10)) {
    const auto m = static_cast<std::size_t>(dimension);
    lower_.assign(m, -kHalfWidth * scale_);
    upper_.assign(m, kHalfWidth * scale_);
    sums_.assign(m, 0.0);
    if (rotated) {
      Random random(seed.derive("rotation"));
      map_.emplace(dimension, std::min(dimension, kRotationBlock), random);
    }
    if (row.data != Data::none) draw_data(Random(seed.derive("data")), m);
    if (row.optimum == Optimum::zeros) optimum_.assign(m, 0.0);
    if (row.optimum == Optimum::ones && !rotated) optimum_.assign(m, scale_);  // rotated, rounding would part its ties
  }

  int dimension() const override { return static_cast<int>(sums_.size()); }
  bool stochastic() const override { return row_.data != Data::none; }

  void evaluate(std::span<const double> theta, std::span<double> f, std::span<double> gradient) const override {
    each(theta, f, gradient, sums_, kSamples);
  }
  void evaluate_minibatch(std::uint64_t minibatch, std::span<const double> theta, std::span<double> f,
                          std::span<double> gradient) const override {
    if (!stochastic()) return evaluate(theta, f, gradient);
    const std::size_t m = sums_.size();
    std::vector<double> sums(m);
    Random random(seed_.derive(minibatch));
    for (std::size_t n = 0; n < batch_; ++n) {
      const std::size_t sample = random.index(kSamples);
      for (std::size_t i = 0; i < m; ++i) sums[i] += data_[sample * m + i];
    }
    each(theta, f, gradient, sums, batch_);
  }
  double true_value(std::span<const double> theta) const override {
    double f = 0;
    evaluate(theta, {&f, 1}, {});
    return f;
  }

  void sample_start(Random& random, std::span<double> theta) const override {
    std::vector<double> z(theta.size());
    for (double& x : z) x = scale_ * random.normal();
    if (map_) {
      map_->apply_transposed(z, theta);
    } else {
      std::ranges::copy(z, theta.begin());
    }
    for (double& x : theta) x = std::clamp(x, lower_[0], upper_[0]);
  }
  std::span<const double> lower() const override { return lower_; }
  std::span<const double> upper() const override { return upper_; }
  std::optional<double> optimum_value() const override {
    if (row_.optimum == Optimum::unknown) return std::nullopt;
    if (row_.optimum == Optimum::value) return 0.0;
    return row_.optimum == Optimum::ones ? kFloor : true_value(optimum_);
  }
  std::span<const double> optimum() const override { return optimum_; }

 private:
  void draw_data(Random random, std::size_t m) {
    batch_ = static_cast<std::size_t>(std::lround(random.log_uniform(10, 128)));
    data_.resize(kSamples * m);
    for (std::size_t n = 0; n < kSamples; ++n) {
      for (std::size_t i = 0; i < m; ++i) {
        double& d = data_[n * m + i];
        const bool again = n % 2 == 1;  // each second sample is the one before, with the other sign
        switch (row_.data) {
          case Data::binary:
            d = static_cast<double>(random.index(2));
            break;
          case Data::squares:
            d = again ? data_[(n - 1) * m + i] : std::pow(random.normal(), 2);
            break;
          default:
            d = again ? -data_[(n - 1) * m + i] : random.normal();
        }
        sums_[i] += d;
      }
    }
  }

  void each(std::span<const double> theta, std::span<double> f, std::span<double> gradient, const std::vector<double>& sums,
            std::size_t count) const {
    const std::size_t m = sums_.size();
    std::vector<double> z(m), g(gradient.empty() ? 0 : m), turned(m);
    for (std::size_t b = 0; b * m < theta.size(); ++b) {
      const auto point = theta.subspan(b * m, m);
      if (map_) map_->apply(point, turned);
      for (std::size_t i = 0; i < m; ++i) z[i] = (map_ ? turned[i] : point[i]) / scale_;
      const double value = row_.formula(z, g, sums.data(), static_cast<double>(count));
      if (!f.empty()) f[b] = value;
      if (g.empty()) continue;
      const auto out = gradient.subspan(b * m, m);
      for (double& x : g) x /= scale_;
      if (map_) {
        map_->apply_transposed(g, out);
      } else {
        std::ranges::copy(g, out.begin());
      }
    }
  }

  const Row& row_;
  Seed seed_;
  double scale_;
  std::size_t batch_ = 0;
  std::optional<OrthogonalMap> map_;
  std::vector<double> data_, sums_, lower_, upper_, optimum_;
};

class CorpusFamily : public Family {
 public:
  CorpusFamily(const Row& row, bool rotated)
      : Family(std::string(row.name) + (rotated ? "-rotated" : ""), std::string(row.summary) + (rotated ? ", rotated" : "")),
        row_(row),
        rotated_(rotated) {}

  std::unique_ptr<Instance> sample(Split split, std::uint64_t index, int dimension) const override {
    if (dimension < 2) {
      throw std::invalid_argument("problem '" + name() + "': dimension is " + std::to_string(dimension) +
                                  ": must be at least 2");
    }
    return std::make_unique<CorpusInstance>(row_, rotated_, dimension, instance_seed(name(), split, index, dimension));
  }

 private:
  const Row& row_;
  bool rotated_;
};

constexpr std::size_t kIds = 5, kFeatures = 5, kClasses = 2, kPoints = 5;
constexpr std::size_t kSoftmax = kClasses * kFeatures + kFeatures * kClasses + kClasses;

class SparseSoftmax : public Instance {
 public:
  explicit SparseSoftmax(Seed seed) {
    Random random(seed.derive("data"));
    for (std::size_t n = 0; n < kPoints; ++n) {
      ones_[n] = 0;
      for (std::size_t k = 0; k < kIds; ++k) ones_[n] += static_cast<double>(random.index(kClasses));
      const bool noise = random.uniform() < 0.25;
      label_[n] = std::fmod(ones_[n] + (noise ? 1 : 0), 2);
    }
  }

  int dimension() const override { return static_cast<int>(kSoftmax); }
  std::vector<TensorShape> tensors() const override { return {{10, 2, 2}, {10, 2, 5}, {2, 1, 2}}; }
  void evaluate(std::span<const double> theta, std::span<double> f, std::span<double> gradient) const override {
    for (std::size_t b = 0; b * kSoftmax < theta.size(); ++b) {
      const double value = evaluate_one(theta.subspan(b * kSoftmax, kSoftmax),
                                        gradient.empty() ? gradient : gradient.subspan(b * kSoftmax, kSoftmax));
      if (!f.empty()) f[b] = value;
    }
  }
  double true_value(std::span<const double> theta) const override { return evaluate_one(theta, {}); }
  void sample_start(Random& random, std::span<double> theta) const override {
    std::size_t i = 0;
    for (const TensorShape& shape : tensors()) {
      const double deviation = 1.2 / std::sqrt(static_cast<double>(shape.rows));
      for (std::int64_t k = 0; k < shape.size; ++k, ++i)
        theta[i] = std::clamp(deviation * random.normal(), lower_[i], upper_[i]);
    }
  }
  std::span<const double> lower() const override { return lower_; }
  std::span<const double> upper() const override { return upper_; }

 private:
  double evaluate_one(std::span<const double> theta, std::span<double> gradient) const {
    const double *embedding = theta.data(), *weight = embedding + 10, *bias = weight + 10;
    double f = 0;
    for (const double x : theta) f += 1e-3 / 3 * x * x;
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = 2e-3 / 3 * theta[i];
    for (std::size_t n = 0; n < kPoints; ++n) {
      const double ones = ones_[n], zeros = kIds - ones;
      std::array<double, kFeatures> x{};
      double logit = bias[0];
      for (std::size_t j = 0; j < kFeatures; ++j) {
        x[j] = zeros * embedding[j] + ones * embedding[kFeatures + j];
        logit += x[j] * weight[kClasses * j];
      }
      f += (std::max(logit, 0.0) - label_[n] * logit + std::log1p(std::exp(-std::abs(logit)))) / kPoints;
      if (gradient.empty()) continue;
      const double d = (1 / (1 + std::exp(-logit)) - label_[n]) / kPoints;
      gradient[20] += d;
      for (std::size_t j = 0; j < kFeatures; ++j) {
        gradient[10 + kClasses * j] += d * x[j];
        gradient[j] += d * zeros * weight[kClasses * j];
        gradient[kFeatures + j] += d * ones * weight[kClasses * j];
      }
    }
    return f;
  }

  std::array<double, kPoints> ones_{}, label_{};  // of each sample: how many of its ids are 1, and its class
  std::vector<double> lower_ = std::vector<double>(kSoftmax, -kHalfWidth),
                      upper_ = std::vector<double>(kSoftmax, kHalfWidth);
};

class SparseSoftmaxFamily : public Family {
 public:
  SparseSoftmaxFamily()
      : Family("sparse-softmax", "softmax regression on summed embeddings of a noisy parity (Wichrowska et al. 2017)") {}
  bool has_own_dimensions() const override { return true; }
  std::unique_ptr<Instance> sample(Split split, std::uint64_t index, int) const override {
    return std::make_unique<SparseSoftmax>(instance_seed(name(), split, index, static_cast<int>(kSoftmax)));
  }
};

}  // namespace

std::vector<std::string> corpus_names() {
  std::vector<std::string> out;
  for (const Row& row : kRows) out.emplace_back(row.name);
  out.emplace_back("sparse-softmax");
  return out;
}

std::shared_ptr<const Family> corpus_family(std::string_view name, bool rotated) {
  for (const Row& row : kRows) {
    if (name == row.name) return std::make_shared<CorpusFamily>(row, rotated);
  }
  if (name == "sparse-softmax" && !rotated) return std::make_shared<SparseSoftmaxFamily>();
  return nullptr;
}

}  // namespace scout
