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

struct Piece {
  std::size_t update;
  std::int64_t begin;
  std::int64_t size;
};

/// Weights from `begin` on, whose values are elsewhere.
WeightPiece piece_of(const TensorUpdate& update, std::int64_t begin) {
  const at::Tensor& numbers = update.state->numbers;
  auto* state = static_cast<std::byte*>(numbers.data_ptr()) + static_cast<std::size_t>(begin) * numbers.element_size();
  const auto first = static_cast<std::size_t>(begin);
  return {.state = state, .stride = static_cast<std::size_t>(update.shape.size), .first = first};
}

void add(kernel::TensorSums& total, const kernel::TensorSums& part) {
  total.theta_square += part.theta_square;
  total.gradient_square += part.gradient_square;
  total.non_finite += part.non_finite;
}
void add(kernel::StepSums& total, const kernel::StepSums& part) {
  total.update_square += part.update_square;
  total.momentum_square += part.momentum_square;
  total.non_finite += part.non_finite;
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
    for_blocks(size,
               [&](std::size_t, std::size_t count) { add(total, kernel::tensor_sums(theta.data(), slope.data(), count)); });
    return total;
  }
  kernel::StepSums step(const WeightStepper& stepper, std::int64_t first, std::int64_t size, double* own_sums) {
    const std::uint32_t key = kernel::step_key(update.record->step) ^ kWeightKey;
    kernel::StepSums total;
    for_blocks(size, [&](std::size_t begin, std::size_t count) {
      const std::int64_t at = first + static_cast<std::int64_t>(begin);
      WeightPiece piece = piece_of(update, at);
      piece.theta = theta.data();
      piece.gradient = slope.data();
      piece.delta = delta.data();
      add(total, stepper.step(*update.plan, piece, count, own_sums));
      for (std::size_t i = 0; i < count; ++i) {
        const auto index = static_cast<std::uint32_t>(static_cast<std::size_t>(at) + i);
        apply(weight[begin + i], theta[i], delta[i], kernel::dither_bits(index, key));
      }
    });
    return total;
  }
};

class PiecePasses : public UpdatePasses {
 public:
  PiecePasses(std::vector<TensorUpdate*> updates, ThreadTeam& team) : updates_(std::move(updates)), team_(team) {
    for (std::size_t k = 0; k < updates_.size(); ++k) {
      values_.push_back(updates_[k]->weight.to(at::kCPU).contiguous());
      gradients_.push_back(updates_[k]->gradient.to(at::kCPU).contiguous());
      const std::int64_t size = updates_[k]->shape.size;
      for (std::int64_t begin = 0; begin < size; begin += kPiece)
        pieces_.push_back({k, begin, std::min(kPiece, size - begin)});
    }
  }

  void add_up() override {
    std::vector<kernel::TensorSums> parts(pieces_.size());
    for_pieces([&](std::size_t p) { parts[p] = piece_sums(pieces_[p]); });
    for (std::size_t p = 0; p < parts.size(); ++p) add(updates_[pieces_[p].update]->sums, parts[p]);
  }

  void step(const WeightStepper& stepper) override {
    const auto own = static_cast<std::size_t>(stepper.layout().sums);
    std::vector<kernel::StepSums> parts(pieces_.size());
    std::vector<double> own_parts(pieces_.size() * own);
    for_pieces([&](std::size_t p) { parts[p] = piece_step(stepper, pieces_[p], own_parts.data() + p * own); });
    for (TensorUpdate* update : updates_) update->own_sums.assign(own, 0.0);
    for (std::size_t p = 0; p < parts.size(); ++p) {
      TensorUpdate& update = *updates_[pieces_[p].update];
      add(update.step_sums, parts[p]);
      for (std::size_t k = 0; k < own; ++k) update.own_sums[k] += own_parts[p * own + k];
    }
    for (std::size_t k = 0; k < updates_.size(); ++k) {
      at::Tensor& weight = updates_[k]->weight;
      if (values_[k].is_same(weight)) {
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

  kernel::StepSums piece_step(const WeightStepper& stepper, const Piece& piece, double* own_sums) const {
    const TensorUpdate& update = *updates_[piece.update];
    const at::Tensor& values = values_[piece.update];
    const at::Tensor& gradients = gradients_[piece.update];
    switch (values.scalar_type()) {
      case at::kDouble:
        return Converted<double>(update, values, gradients, piece.begin).step(stepper, piece.begin, piece.size, own_sums);
      case at::kBFloat16:
        return Converted<at::BFloat16>(update, values, gradients, piece.begin)
            .step(stepper, piece.begin, piece.size, own_sums);
      default: {
        WeightPiece weights = piece_of(update, piece.begin);
        weights.theta = values.data_ptr<float>() + piece.begin;
        weights.gradient = gradients.data_ptr<float>() + piece.begin;
        return stepper.step(*update.plan, weights, static_cast<std::size_t>(piece.size), own_sums);
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

std::unique_ptr<UpdatePasses> piece_passes(std::vector<TensorUpdate*> updates, ThreadTeam& team) {
  return std::make_unique<PiecePasses>(std::move(updates), team);
}

}  // namespace scout
