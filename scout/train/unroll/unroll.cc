#include "scout/train/unroll/unroll.h"

#include <algorithm>
#include <cmath>

#include "scout/policy/weight/finite_gradient.h"
#include "scout/train/unroll/hierarchical_unroll.h"
#include "scout/train/unroll/lstm_unroll.h"

namespace scout {
namespace {

/// Of log_loss: in f⁰, and in the logarithm.
constexpr double kLossEpsilon = 1e-6;
/// The displacement of differences, as a share of |θ|, and the least root mean square that counts for θ.
constexpr double kDisplacement = 1e-4, kLeastTheta = 0.01;

class UnrolledLstm : public UnrolledRule {
 public:
  explicit UnrolledLstm(const LstmRule& rule) : rule_(rule) {}
  bool takes_curvature() const override { return false; }
  std::size_t memory_size(std::span<const TensorShape> tensors) const override {
    std::size_t rows = 0;
    for (const TensorShape& tensor : tensors) rows += static_cast<std::size_t>(tensor.size);
    return rows * rule_.network().state_size();
  }
  void backpropagate(const float* parameters, const RunPoints& points, std::size_t first, std::span<const TensorShape>,
                     const Curvature&, std::vector<float>& memory, std::vector<float>& gradient) const override {
    scout::backpropagate(rule_, parameters, points, first, memory, gradient);
  }

 private:
  const LstmRule& rule_;
};

class UnrolledHierarchical : public UnrolledRule {
 public:
  explicit UnrolledHierarchical(const HierarchicalRule& rule) : rule_(rule) {}
  bool takes_curvature() const override { return true; }
  std::size_t memory_size(std::span<const TensorShape> tensors) const override { return hierarchical_memory(tensors); }
  void backpropagate(const float* parameters, const RunPoints& points, std::size_t first,
                     std::span<const TensorShape> tensors, const Curvature& curvature, std::vector<float>& memory,
                     std::vector<float>& gradient) const override {
    scout::backpropagate(rule_, parameters, points, first, tensors, curvature, memory, gradient);
  }

 private:
  const HierarchicalRule& rule_;
};

}  // namespace

void RunPoints::add(double value, std::span<const double> gradient) {
  values.push_back(value);
  for (const double g : gradient) gradients.push_back(finite_gradient(static_cast<float>(g)));
}

void PointRecorder::add(const Episode& episode) {
  if (points_.values.empty()) points_.step = episode.steps();
  points_.add(episode.value(), episode.gradient());
  if (with_theta_) points_.thetas.insert(points_.thetas.end(), episode.theta().begin(), episode.theta().end());
}

RunPoints PointRecorder::finish(const Episode& episode) {
  if (!episode.failed()) add(episode);
  return std::move(points_);
}

double sum_loss(const RunPoints& points, std::size_t first) {
  double sum = 0;
  for (std::size_t t = first; t < points.values.size(); ++t) sum += points.values[t];
  return sum;
}

double log_loss(RunPoints& points, std::size_t first, double start_value) {
  const double unit = std::max(start_value, 0.0) + kLossEpsilon;
  const auto count = static_cast<double>(points.values.size() - first);
  points.weights.assign(points.values.size(), 0.0);
  double sum = 0;
  for (std::size_t t = first; t < points.values.size(); ++t) {
    const double share = std::max(points.values[t], 0.0) / unit + kLossEpsilon;
    sum += std::log(share) / count;
    if (points.values[t] >= 0) points.weights[t] = 1 / (share * unit * count);
  }
  return sum;
}

Curvature difference_curvature(const Instance& instance, const RunPoints& points, std::int64_t& evaluations) {
  return [&instance, &points, &evaluations](std::size_t point, std::span<const double> v, std::span<double> product) {
    const std::size_t m = v.size();
    const double* theta = &points.thetas[point * m];
    double length = 0, size = 0;
    for (std::size_t i = 0; i < m; ++i) length += v[i] * v[i], size += theta[i] * theta[i];
    std::ranges::fill(product, 0.0);
    if (!(length > 0) || !std::isfinite(length) || !std::isfinite(size)) return;
    const double floor = kLeastTheta * std::sqrt(static_cast<double>(m));
    const double h = kDisplacement * std::max(std::sqrt(size), floor) / std::sqrt(length);
    std::vector<double> moved(2 * m), gradients(2 * m);
    for (std::size_t i = 0; i < m; ++i) moved[i] = theta[i] + h * v[i], moved[m + i] = theta[i] - h * v[i];
    instance.evaluate_minibatch(static_cast<std::uint64_t>(points.step) + point, moved, {}, gradients);
    evaluations += 2;
    for (std::size_t i = 0; i < m; ++i) product[i] = (gradients[i] - gradients[m + i]) / (2 * h);
  };
}

std::unique_ptr<UnrolledRule> unrolled(const UpdateRule& rule) {
  if (const auto* lstm = dynamic_cast<const LstmRule*>(&rule)) return std::make_unique<UnrolledLstm>(*lstm);
  if (const auto* hierarchical = dynamic_cast<const HierarchicalRule*>(&rule))
    return std::make_unique<UnrolledHierarchical>(*hierarchical);
  return nullptr;
}

}  // namespace scout
