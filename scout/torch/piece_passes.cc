#include <ATen/Functions.h>

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "scout/torch/tensor_update.h"

namespace scout {
namespace {

/// Weights that a thread takes at a time. Sums are formed piece by piece, so that they do not depend on the threads.
constexpr std::int64_t kPiece = 1 << 15;
/// Weights of other types that are converted at a time.
constexpr std::int64_t kConverted = 1 << 11;

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

void apply(double& weight, float, float delta, std::uint32_t) {
  const double moved = weight + static_cast<double>(delta);
  if (std::isfinite(moved)) weight = moved;
}
void apply(at::BFloat16& weight, float value, float delta, std::uint32_t dither) {
  const float moved = value + delta;
  if (!std::isfinite(moved)) return;
  weight = at::BFloat16(kernel::to_bfloat16(moved, dither & 0xffffU), at::BFloat16::from_bits());
}

class PiecePasses : public UpdatePasses {
 public:
  PiecePasses(std::vector<TensorUpdate*> updates, ThreadTeam& team, bool whole, bool fingerprints)
      : updates_(std::move(updates)), team_(team), whole_(whole), fingerprints_(fingerprints) {
    for (std::size_t k = 0; k < updates_.size(); ++k) {
      values_.push_back(updates_[k]->weight.to(at::kCPU).contiguous());
      gradients_.push_back(updates_[k]->gradient.to(at::kCPU).contiguous());
      const std::int64_t size = updates_[k]->shape.size, most = whole ? size : kPiece;
      for (std::int64_t begin = 0; begin < size; begin += most) pieces_.push_back({k, begin, std::min(most, size - begin)});
    }
  }

  void add_up() override {
    std::vector<kernel::TensorSums> parts(pieces_.size());
    for_weights([&](std::size_t p, const WeightPiece& weights, std::size_t n) {
      add(parts[p], kernel::tensor_sums(weights.theta, weights.gradient, n));
      return false;
    });
    for (std::size_t p = 0; p < parts.size(); ++p) add(updates_[pieces_[p].update]->sums, parts[p]);
  }

  void step(const WeightStepper& stepper) override {
    const auto own = static_cast<std::size_t>(stepper.layout().sums);
    std::vector<kernel::StepSums> parts(pieces_.size());
    std::vector<double> own_parts(pieces_.size() * own);
    const auto add_own = [&] {
      for (TensorUpdate* update : updates_) update->own_sums.assign(own, 0.0);
      for (std::size_t p = 0; p < parts.size(); ++p) {
        std::vector<double>& sums = updates_[pieces_[p].update]->own_sums;
        for (std::size_t k = 0; k < own; ++k) sums[k] += own_parts[p * own + k];
      }
    };
    if (stepper.looks()) {
      for_weights([&](std::size_t p, const WeightPiece& weights, std::size_t n) {
        stepper.look(*updates_[pieces_[p].update]->plan, weights, n, own_parts.data() + p * own);
        return false;
      });
      add_own();
      for (TensorUpdate* update : updates_) stepper.looked(*update->plan, update->shape, update->own_sums);
    }
    for_weights([&](std::size_t p, const WeightPiece& weights, std::size_t n) {
      add(parts[p], stepper.step(*updates_[pieces_[p].update]->plan, weights, n, own_parts.data() + p * own));
      return true;
    });
    add_own();
    for (std::size_t p = 0; p < parts.size(); ++p) add(updates_[pieces_[p].update]->step_sums, parts[p]);
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
  /// Calls body(p, weights, n) on the weights of each piece p as floats, as many at a time as it takes. It returns whether
  /// it made their step: then those of other types are moved by what it left in `delta`.
  template <class Body>
  void for_weights(const Body& body) {
    const auto visit = [&](int p) {
      switch (values_[pieces_[static_cast<std::size_t>(p)].update].scalar_type()) {
        case at::kDouble:
          return convert<double>(static_cast<std::size_t>(p), body);
        case at::kBFloat16:
          return convert<at::BFloat16>(static_cast<std::size_t>(p), body);
        default:
          return convert<float>(static_cast<std::size_t>(p), body);
      }
    };
    prints_.assign(pieces_.size(), 0);
    if (pieces_.size() == 1) {
      visit(0);  // and wake nobody
    } else {
      team_.for_jobs(static_cast<int>(pieces_.size()), visit);
    }
    for (TensorUpdate* update : updates_) update->fingerprint = 0;
    for (std::size_t p = 0; p < pieces_.size(); ++p) updates_[pieces_[p].update]->fingerprint += prints_[p];
  }

  template <class Scalar, class Body>
  void convert(std::size_t p, const Body& body) {
    const auto [k, begin, size] = pieces_[p];
    const TensorUpdate& update = *updates_[k];
    Scalar* weight = values_[k].data_ptr<Scalar>();
    Scalar* gradient = gradients_[k].data_ptr<Scalar>();
    if constexpr (std::is_same_v<Scalar, float>) {
      WeightPiece piece = piece_of(update, begin);
      piece.theta = weight + begin;
      piece.gradient = gradient + begin;
      body(p, piece, static_cast<std::size_t>(size));
      if (fingerprints_) prints_[p] = fingerprint(piece.theta, static_cast<std::size_t>(size), piece.first);
    } else {
      const std::uint32_t key = kernel::step_key(update.record->step) ^ kWeightKey;
      const std::int64_t most = whole_ ? size : std::min(kConverted, size);
      const auto room = static_cast<std::size_t>(most);
      thread_local std::vector<float> theta, slope, delta;
      for (std::vector<float>* numbers : {&theta, &slope, &delta}) numbers->resize(room);
      for (std::int64_t at = begin; at < begin + size; at += most) {
        const auto count = static_cast<std::size_t>(std::min(most, begin + size - at));
        const auto to_float = [](Scalar x) { return static_cast<float>(x); };
        std::transform(weight + at, weight + at + count, theta.begin(), to_float);
        std::transform(gradient + at, gradient + at + count, slope.begin(), to_float);
        WeightPiece piece = piece_of(update, at);
        piece.theta = theta.data();
        piece.gradient = slope.data();
        piece.delta = delta.data();
        if (body(p, piece, count)) {
          for (std::size_t i = 0; i < count; ++i) {
            const auto index = static_cast<std::uint32_t>(piece.first + i);
            apply(weight[piece.first + i], theta[i], delta[i], kernel::dither_bits(index, key));
          }
          std::transform(weight + at, weight + at + count, theta.begin(), to_float);
        }
        if (fingerprints_) prints_[p] += fingerprint(theta.data(), count, piece.first);
      }
    }
  }

  std::vector<TensorUpdate*> updates_;
  ThreadTeam& team_;
  bool whole_;  // tensors are not cut
  bool fingerprints_;
  std::vector<std::uint64_t> prints_;  // of pieces, in the last pass
  std::vector<at::Tensor> values_;     // contiguous
  std::vector<at::Tensor> gradients_;
  std::vector<Piece> pieces_;
};

}  // namespace

std::unique_ptr<UpdatePasses> piece_passes(std::vector<TensorUpdate*> updates, ThreadTeam& team, bool whole,
                                           bool fingerprints) {
  return std::make_unique<PiecePasses>(std::move(updates), team, whole, fingerprints);
}

}  // namespace scout
