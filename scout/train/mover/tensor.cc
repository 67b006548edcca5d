// An explorer that holds one tensor, whose step by the policy it makes larger or smaller.
#include <cmath>
#include <numeric>

#include "scout/train/mover/mover.h"

namespace scout::explorer {
namespace {

struct Range {
  std::size_t begin, size;
};

class Tensor final : public Explorer {
 public:
  explicit Tensor(std::vector<Range> tensors) : tensors_(std::move(tensors)) {}

  Recording recording(std::size_t count, Random& random) const override {
    Recording out;
    const Range range = tensors_[direction()];
    for (std::size_t k = 0; k < count; ++k) out.rows.push_back(range.begin + random.index(range.size));
    return out;
  }
  void begin(const Episode&, Random& random) override { larger_ = random.chance(0.5); }
  /// By a factor 1 + 3√η, or by its inverse.
  void explore(Episode& episode, double size) override {
    const auto factor = 1 + 3 * static_cast<float>(std::sqrt(size));
    const float growth = (larger_ ? factor : 1 / factor) - 1;
    const Range range = tensors_[direction()];
    const std::span<float> part = episode.run().actions().subspan(range.begin, range.size);
    added_.resize(part.size());
    for (std::size_t i = 0; i < part.size(); ++i) {
      added_[i] = growth * part[i];
      part[i] += added_[i];
    }
  }
  double judge(const Episode& episode) override {
    const auto gradient = episode.gradient().subspan(tensors_[direction()].begin, added_.size());
    const double earned = -std::inner_product(added_.begin(), added_.end(), gradient.begin(), 0.0);
    if (!(earned > 0)) larger_ = !larger_;
    return earned;
  }

 private:
  std::vector<Range> tensors_;
  bool larger_ = true;
  std::vector<float> added_;  // the last move's part along the direction
};

ExplorerKind make(const ExplorerScope& scope, Random&) {
  std::vector<Range> tensors;
  std::size_t begin = 0;
  for (const TensorShape& tensor : scope.instance.tensors()) {
    tensors.push_back({begin, static_cast<std::size_t>(tensor.size)});
    begin += tensors.back().size;
  }
  return {tensors.size(), [tensors] { return std::make_unique<Tensor>(tensors); }};
}

}  // namespace

extern const ExplorerEntry tensor{"tensor", "the policy's step of one tensor, larger or smaller", Explored::weights, make};

}  // namespace scout::explorer
