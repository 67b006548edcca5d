// An explorer that holds a random direction of all weights, orthogonal to those of the others.
#include <algorithm>
#include <cmath>
#include <list>
#include <numeric>

#include "scout/train/mover/mover.h"

namespace scout::explorer {
namespace {

using Axis = std::vector<float>;
/// Those that explorers hold. An explorer's own keeps its place.
using Axes = std::shared_ptr<std::list<Axis>>;

class Orthogonal final : public Explorer {
 public:
  Orthogonal(Axes axes, std::vector<TensorShape> tensors)
      : axes_(std::move(axes)), axis_(axes_->emplace_back()), tensors_(std::move(tensors)) {}

  /// Draws an axis, takes from it its parts along the others, and gives it rms 1.
  void hold(std::size_t direction, Random& random) override {
    Explorer::hold(direction, random);
    std::size_t size = 0;
    for (const TensorShape& tensor : tensors_) size += static_cast<std::size_t>(tensor.size);
    axis_.resize(size);
    for (float& x : axis_) x = static_cast<float>(random.normal());
    const auto m = static_cast<double>(size);
    for (const Axis& other : *axes_) {
      if (&other == &axis_ || other.empty()) continue;
      const double part = std::inner_product(axis_.begin(), axis_.end(), other.begin(), 0.0) / m;
      for (std::size_t i = 0; i < size; ++i) axis_[i] -= static_cast<float>(part) * other[i];
    }
    const double rms = std::sqrt(std::inner_product(axis_.begin(), axis_.end(), axis_.begin(), 0.0) / m);
    for (float& x : axis_) x /= static_cast<float>(std::max(rms, 1e-12));
  }
  Recording recording(std::size_t count, Random& random) const override {
    Recording out;
    for (std::size_t k = 0; k < count; ++k) out.rows.push_back(random.index(axis_.size()));
    return out;
  }
  void begin(const Episode&, Random& random) override { sign_ = random.chance(0.5) ? 1.0F : -1.0F; }
  /// By ±√η times the size that the policy's step has in each tensor.
  void explore(Episode& episode, double size) override {
    const std::span<float> actions = episode.run().actions();
    added_.resize(actions.size());
    std::size_t begin = 0;
    for (const TensorShape& tensor : tensors_) {
      const std::size_t end = begin + static_cast<std::size_t>(tensor.size);
      double square = 0;
      for (std::size_t i = begin; i < end; ++i) square += static_cast<double>(actions[i]) * static_cast<double>(actions[i]);
      const auto rms = static_cast<float>(std::sqrt(square / static_cast<double>(std::max<std::size_t>(end - begin, 1))));
      for (; begin < end; ++begin) {
        added_[begin] = sign_ * static_cast<float>(std::sqrt(size)) * rms * axis_[begin];
        actions[begin] += added_[begin];
      }
    }
  }
  double judge(const Episode& episode) override {
    const double earned = -std::inner_product(added_.begin(), added_.end(), episode.gradient().begin(), 0.0);
    if (!(earned > 0)) sign_ = -sign_;
    return earned;
  }

 private:
  Axes axes_;
  Axis& axis_;
  std::vector<TensorShape> tensors_;
  float sign_ = 1;
  std::vector<float> added_;  // the last move's part along the direction
};

ExplorerKind make(const ExplorerScope& scope, Random&) {
  return {static_cast<std::size_t>(scope.instance.dimension()),
          [axes = std::make_shared<std::list<Axis>>(), tensors = scope.instance.tensors()] {
            return std::make_unique<Orthogonal>(axes, tensors);
          }};
}

}  // namespace

extern const ExplorerEntry orthogonal{
    "orthogonal", "a direction of all weights, orthogonal to the others', else the policy's step", Explored::weights, make};

}  // namespace scout::explorer
