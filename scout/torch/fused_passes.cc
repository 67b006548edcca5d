#include <ATen/Functions.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include "scout/policy/weight/bfloat16.h"
#include "scout/torch/tensor_update.h"

namespace scout {
namespace {

/// Weights that a thread takes at a time. Sums are formed piece by piece, so that they do not depend on the threads.
constexpr std::int64_t kPiece = 1 << 15;
/// Weights of other types that are converted at a time.
constexpr std::size_t kConverted = 1 << 11;
/// Dither of weights in bfloat16 is not that of the averages.
constexpr std::uint32_t kWeightKey = 0x5bd1e995U;

struct Piece {
  std::size_t update;
  std::int64_t begin;
  std::int64_t size;
};

kernel::StepArrays state_of(const TensorUpdate& update, std::int64_t begin) {
  auto* averages = reinterpret_cast<std::uint16_t*>(update.state->averages.data_ptr<at::BFloat16>()) + begin;
  kernel::StepArrays arrays;
  for (auto& momentum : arrays.momentum) {
    momentum = averages;
    averages += update.shape.size;
  }
  arrays.square = averages;
  arrays.first = static_cast<std::size_t>(begin);
  return arrays;
}

void apply(double& weight, float, float delta, std::uint32_t) { weight += static_cast<double>(delta); }
void apply(at::BFloat16& weight, float value, float delta, std::uint32_t dither) {
  const float moved = value + delta;
  if (!std::isfinite(moved)) return;
  weight = at::BFloat16(kernel::to_bfloat16(moved, dither & 0xffffU), at::BFloat16::from_bits());
}

/// For types other than float: converts a block at a time.
template <class Scalar>
struct Converted {
  const TensorUpdate& update;
  Scalar* weight;
  const Scalar* gradient;
  std::array<float, kConverted> theta{}, slope{}, delta{};

  Converted(const TensorUpdate& u, const at::Tensor& values, const at::Tensor& gradients, std::int64_t begin)
      : update(u), weight(values.data_ptr<Scalar>() + begin), gradient(gradients.data_ptr<Scalar>() + begin) {}

  template <class Body>
  void for_blocks(std::int64_t size, Body&& body) {
    for (std::size_t begin = 0; begin < static_cast<std::size_t>(size); begin += kConverted) {
      const std::size_t count = std::min(kConverted, static_cast<std::size_t>(size) - begin);
      for (std::size_t i = 0; i < count; ++i) theta[i] = static_cast<float>(weight[begin + i]);
      for (std::size_t i = 0; i < count; ++i) slope[i] = static_cast<float>(gradient[begin + i]);
      body(begin, count);
    }
  }
  kernel::TensorSums sums(std::int64_t size) {
    kernel::TensorSums total;
    for_blocks(size, [&](std::size_t, std::size_t count) {
      const auto part = kernel::tensor_sums(theta.data(), slope.data(), count);
      total.theta_square += part.theta_square;
      total.gradient_square += part.gradient_square;
      total.non_finite += part.non_finite;
    });
    return total;
  }
  kernel::StepSums step(std::int64_t first, std::int64_t size) {
    kernel::StepSums total;
    for_blocks(size, [&](std::size_t begin, std::size_t count) {
      const std::int64_t at = first + static_cast<std::int64_t>(begin);
      kernel::StepArrays arrays = state_of(update, at);
      arrays.theta = theta.data();
      arrays.gradient = slope.data();
      arrays.delta = delta.data();
      const auto part = kernel::weight_step(update.plan.network, update.plan.constants, arrays, count);
      total.update_square += part.update_square;
      total.momentum_square += part.momentum_square;
      total.non_finite += part.non_finite;
      for (std::size_t i = 0; i < count; ++i) {
        const auto index = static_cast<std::uint32_t>(static_cast<std::size_t>(at) + i);
        apply(weight[begin + i], theta[i], delta[i], kernel::dither_bits(index, update.plan.constants.key ^ kWeightKey));
      }
    });
    return total;
  }
};

class FusedPasses : public UpdatePasses {
 public:
  FusedPasses(std::vector<TensorUpdate*> updates, ThreadTeam& team) : updates_(std::move(updates)), team_(team) {
    for (std::size_t k = 0; k < updates_.size(); ++k) {
      values_.push_back(updates_[k]->weight.contiguous());
      gradients_.push_back(updates_[k]->gradient.contiguous());
      const std::int64_t size = updates_[k]->shape.size;
      for (std::int64_t begin = 0; begin < size; begin += kPiece)
        pieces_.push_back({k, begin, std::min(kPiece, size - begin)});
    }
  }

  void sums() override {
    std::vector<kernel::TensorSums> parts(pieces_.size());
    for_pieces([&](std::size_t p) { parts[p] = piece_sums(pieces_[p]); });
    for (std::size_t p = 0; p < parts.size(); ++p) {
      kernel::TensorSums& total = updates_[pieces_[p].update]->sums;
      total.theta_square += parts[p].theta_square;
      total.gradient_square += parts[p].gradient_square;
      total.non_finite += parts[p].non_finite;
    }
  }

  void step(const WeightStepper&) override {  // the plans say all
    std::vector<kernel::StepSums> parts(pieces_.size());
    for_pieces([&](std::size_t p) { parts[p] = piece_step(pieces_[p]); });
    for (std::size_t p = 0; p < parts.size(); ++p) {
      kernel::StepSums& total = updates_[pieces_[p].update]->step_sums;
      total.update_square += parts[p].update_square;
      total.momentum_square += parts[p].momentum_square;
      total.non_finite += parts[p].non_finite;
    }
    for (std::size_t k = 0; k < updates_.size(); ++k) {
      at::Tensor& weight = updates_[k]->weight;
      if (weight.is_contiguous()) {
        weight.unsafeGetTensorImpl()->bump_version();  // autograd notices in-place changes by it
      } else {
        weight.copy_(values_[k]);
      }
    }
  }

 private:
  void for_pieces(const std::function<void(std::size_t)>& body) {
    if (pieces_.size() == 1) return body(0);  // and wake nobody
    team_.for_jobs(static_cast<int>(pieces_.size()), [&](int p) { body(static_cast<std::size_t>(p)); });
  }

  kernel::TensorSums piece_sums(const Piece& piece) const {
    const TensorUpdate& update = *updates_[piece.update];
    const at::Tensor& values = values_[piece.update];
    const at::Tensor& gradients = gradients_[piece.update];
    switch (values.scalar_type()) {
      case at::kDouble:
        return Converted<double>(update, values, gradients, piece.begin).sums(piece.size);
      case at::kBFloat16:
        return Converted<at::BFloat16>(update, values, gradients, piece.begin).sums(piece.size);
      default:
        return kernel::tensor_sums(values.data_ptr<float>() + piece.begin, gradients.data_ptr<float>() + piece.begin,
                                   static_cast<std::size_t>(piece.size));
    }
  }

  kernel::StepSums piece_step(const Piece& piece) const {
    const TensorUpdate& update = *updates_[piece.update];
    const at::Tensor& values = values_[piece.update];
    const at::Tensor& gradients = gradients_[piece.update];
    switch (values.scalar_type()) {
      case at::kDouble:
        return Converted<double>(update, values, gradients, piece.begin).step(piece.begin, piece.size);
      case at::kBFloat16:
        return Converted<at::BFloat16>(update, values, gradients, piece.begin).step(piece.begin, piece.size);
      default: {
        kernel::StepArrays arrays = state_of(update, piece.begin);
        arrays.theta = values.data_ptr<float>() + piece.begin;
        arrays.gradient = gradients.data_ptr<float>() + piece.begin;
        return kernel::weight_step(update.plan.network, update.plan.constants, arrays, static_cast<std::size_t>(piece.size));
      }
    }
  }

  std::vector<TensorUpdate*> updates_;
  ThreadTeam& team_;
  std::vector<at::Tensor> values_;  // contiguous
  std::vector<at::Tensor> gradients_;
  std::vector<Piece> pieces_;
};

}  // namespace

std::unique_ptr<UpdatePasses> fused_passes(std::vector<TensorUpdate*> updates, ThreadTeam& team) {
  return std::make_unique<FusedPasses>(std::move(updates), team);
}

}  // namespace scout
