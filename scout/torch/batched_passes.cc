#include <ATen/ATen.h>

#include <algorithm>
#include <array>
#include <utility>

#include "scout/policy/weight/weight_step.h"
#include "scout/torch/tensor_update.h"

namespace scout {
namespace {

/// Weights whose features are held at a time.
constexpr std::int64_t kChunk = 1 << 18;
constexpr std::int64_t kLow32 = 0xffffffff;

/// Columns of the table of constants.
enum Column : std::int64_t {
  kGradientScale,
  kCorrection,
  kSquareCorrection = kCorrection + kernel::kMomenta,
  kScale,
  kLogOffset,
  kStep,
  kDecay,
  kColumns
};

at::Tensor shifted_xor(const at::Tensor& h, int bits) { return h.bitwise_xor(h.bitwise_right_shift(bits)); }

/// dither_bits and more_dither_bits of scout/policy/weight/weight_step.h, in 64-bit integers.
at::Tensor dither_bits(const at::Tensor& index, const at::Tensor& key) {
  at::Tensor h = (index * std::int64_t{0x9e3779b1} + key).bitwise_and(kLow32);
  h = (shifted_xor(h, 15) * std::int64_t{0x85ebca77}).bitwise_and(kLow32);
  return shifted_xor(h, 13);
}
at::Tensor more_dither_bits(const at::Tensor& bits) {
  return shifted_xor((bits * std::int64_t{0xc2b2ae3d}).bitwise_and(kLow32), 16);
}

at::Tensor to_bfloat16(const at::Tensor& x, const at::Tensor& dither) {
  const at::Tensor bits = x.contiguous().view(at::kInt) + dither.to(at::kInt);
  return bits.bitwise_right_shift(16).to(at::kShort).view(at::kBFloat16);
}

/// log2, interpolated linearly between powers of two, plus 127.
at::Tensor coarse_log2(const at::Tensor& x) { return x.contiguous().view(at::kInt).to(at::kFloat) * 0x1p-23; }

at::Tensor rows(const std::vector<float>& values, std::int64_t columns, const at::Device& device) {
  return at::tensor(values, at::kFloat).view({-1, columns}).to(device);
}

at::Tensor finite_part(const at::Tensor& x) { return at::where(x.isfinite(), x, at::zeros_like(x)); }

/// Norms of consecutive pieces, on the host.
std::vector<double> piece_norms(const at::Tensor& flat, at::IntArrayRef sizes) {
  const auto norms = at::_foreach_norm(flat.split_with_sizes(sizes), 2);
  const at::Tensor host = at::stack(norms).to(at::kCPU, at::kDouble);
  return {host.data_ptr<double>(), host.data_ptr<double>() + host.numel()};
}

class BatchedPasses : public UpdatePasses {
 public:
  BatchedPasses(std::vector<TensorUpdate*> updates, bool fingerprints)
      : updates_(std::move(updates)), device_(updates_.front()->weight.device()), fingerprints_(fingerprints) {
    std::vector<at::Tensor> gradients;
    for (const TensorUpdate* update : updates_) {
      gradients.push_back(update->gradient.reshape({-1}).to(at::kFloat));
      sizes_.push_back(update->shape.size);
      size_ += update->shape.size;
    }
    gradient_ = at::cat(gradients);
    theta_ = weights();
    const at::Tensor sizes = at::tensor(sizes_, at::kLong).to(device_);
    tensor_of_ = at::repeat_interleave(sizes);
    const at::Tensor begins = sizes.cumsum(0) - sizes;
    index_ = at::arange(size_, sizes.options()) - begins.index_select(0, tensor_of_);
  }

  void add_up() override {
    const auto theta = piece_norms(finite_part(theta_).to(at::kDouble), sizes_);
    const auto gradient = piece_norms(finite_part(gradient_).to(at::kDouble), sizes_);
    for (std::size_t k = 0; k < updates_.size(); ++k) {
      updates_[k]->sums = {theta[k] * theta[k], gradient[k] * gradient[k], 0};
    }
    updates_.front()->sums.non_finite = size_ - gradient_.isfinite().sum().item<std::int64_t>();
    if (fingerprints_) take_fingerprints();
  }

  void step(const WeightStepper& stepper) override {
    prepare(static_cast<const FusedStepper&>(stepper).weights());
    for (std::int64_t begin = 0; begin < size_; begin += kChunk) step_chunk(begin, std::min(kChunk, size_ - begin));
    finish();
    if (!fingerprints_) return;
    theta_ = weights();
    take_fingerprints();
  }

 private:
  at::Tensor weights() const {
    std::vector<at::Tensor> values;
    for (const TensorUpdate* update : updates_) values.push_back(update->weight.reshape({-1}).to(at::kFloat));
    return at::cat(values);
  }

  /// `fingerprint` of scout/torch/tensor_update.h, of theta_, in 64-bit integers that overflow.
  void take_fingerprints() {
    at::Tensor sums = at::zeros({static_cast<std::int64_t>(updates_.size())}, index_.options());
    for (std::int64_t begin = 0; begin < size_; begin += kChunk) {
      const std::int64_t size = std::min(kChunk, size_ - begin);
      const at::Tensor bits = theta_.narrow(0, begin, size).view(at::kInt).to(at::kLong).bitwise_and(kLow32);
      const at::Tensor factor = (index_.narrow(0, begin, size) * 2 + 1).bitwise_and(kLow32);
      sums.index_add_(0, tensor_of_.narrow(0, begin, size), bits * factor);
    }
    sums = sums.to(at::kCPU);
    for (std::size_t k = 0; k < updates_.size(); ++k) {
      updates_[k]->fingerprint = static_cast<std::uint64_t>(sums.data_ptr<std::int64_t>()[k]);
    }
  }

  static const FusedPlan& plan_of(const TensorUpdate& update) { return static_cast<const FusedPlan&>(*update.plan); }

  /// `weights`: of the layers, row-major.
  void prepare(const std::vector<std::vector<float>>& weights) {
    std::vector<float> constants;
    std::vector<std::int64_t> keys;
    std::vector<at::Tensor> averages;
    biases_.assign(weights.size(), at::Tensor());
    for (const TensorUpdate* update : updates_) {
      const kernel::StepConstants& c = plan_of(*update).constants;
      constants.insert(constants.end(), {c.gradient_scale, c.correction[0], c.correction[1], c.correction[2],
                                         c.square_correction, c.scale, c.square_size, c.step, c.decay});
      keys.push_back(c.key);
      averages.push_back(update->state->numbers);
    }
    constants_ = rows(constants, kColumns, device_);
    constants_.select(1, kLogOffset).copy_(coarse_log2(constants_.select(1, kLogOffset)));
    keys_ = at::tensor(keys, at::kLong).to(device_);
    averages_ = at::cat(averages, 1);
    for (std::size_t l = 0; l < weights.size(); ++l) {
      std::vector<float> bias;
      for (const TensorUpdate* update : updates_) {
        const kernel::Layer& layer = plan_of(*update).network.layer[l];
        bias.insert(bias.end(), layer.bias, layer.bias + layer.out);
      }
      const std::int64_t out = plan_of(*updates_.front()).network.layer[l].out;
      biases_[l] = rows(bias, out, device_);
      matrices_.push_back(rows(weights[l], static_cast<std::int64_t>(weights[l].size()) / out, device_).t());
    }
    delta_ = at::empty_like(theta_);
    step_ = at::empty_like(theta_);
    momentum_ = at::empty_like(theta_);
  }

  at::Tensor evaluate(at::Tensor x, const at::Tensor& tensor_of) const {
    for (std::size_t l = 0; l < matrices_.size(); ++l) {
      x = at::addmm(biases_[l].index_select(0, tensor_of), x, matrices_[l]);
      if (l + 1 < matrices_.size()) x = x.relu_();
    }
    return x;
  }

  void step_chunk(std::int64_t begin, std::int64_t size) {
    const at::Tensor tensor_of = tensor_of_.narrow(0, begin, size);
    const at::Tensor constants = constants_.index_select(0, tensor_of);
    const auto constant = [&](std::int64_t column) { return constants.select(1, column); };
    const at::Tensor theta = theta_.narrow(0, begin, size);
    const at::Tensor g = finite_part(gradient_.narrow(0, begin, size) * constant(kGradientScale))
                             .clamp(-kernel::kGradientBound, kernel::kGradientBound);

    const at::Tensor bits = dither_bits(index_.narrow(0, begin, size), keys_.index_select(0, tensor_of));
    const at::Tensor more = more_dither_bits(bits);
    const std::array<at::Tensor, 4> dither{bits.bitwise_and(0xffff), bits.bitwise_right_shift(16), more.bitwise_and(0xffff),
                                           more.bitwise_right_shift(16)};
    std::array<at::Tensor, 4> average;
    for (std::size_t k = 0; k < average.size(); ++k) {
      const bool momentum = k < kernel::kMomenta;
      const at::Tensor kept = averages_.select(0, static_cast<std::int64_t>(k)).narrow(0, begin, size);
      const at::Tensor old = kept.to(at::kFloat);
      average[k] = old + ((momentum ? g : g * g) - old) * (1.0F - (momentum ? kernel::kDecays[k] : kernel::kSquareDecay));
      kept.copy_(to_bfloat16(average[k], dither[k]));
    }

    const at::Tensor z = average[3] * constant(kSquareCorrection) + kernel::kLeastSquare;
    const at::Tensor r = at::ones_like(z) / z.sqrt();
    const at::Tensor sign = at::where(average[0].signbit(), -at::ones_like(z), at::ones_like(z));
    std::array<at::Tensor, 4> p, q;
    for (std::size_t k = 0; k < p.size(); ++k) {
      p[k] = (k == 0 ? g : average[k - 1] * constant(kCorrection + static_cast<std::int64_t>(k) - 1)) * r * sign;
      q[k] = p[k] / (p[k].abs() + kernel::kCompression[k]);
    }
    const at::Tensor t = theta * sign / (theta.abs() + constant(kScale));
    const at::Tensor size_of_square = ((coarse_log2(z) - constant(kLogOffset)) * kernel::kLogShare).clamp(-1, 1);
    const at::Tensor u = evaluate(at::stack({q[0], q[1], q[2], q[3], t, q[0].abs(), q[2].abs(), q[3].abs(), t.abs(),
                                             q[0] * q[1], q[1] * q[2], size_of_square},
                                            1),
                                  tensor_of);
    const auto output = [&](std::int64_t k) { return u.select(1, k); };
    const at::Tensor direction =
        p[1] + output(0) * q[1] + output(2) * q[0] + output(3) * p[2] + output(4) * p[3] + output(5) * t;
    const at::Tensor factor = output(1).clamp(kernel::kLeastLogStep, kernel::kGreatestLogStep).exp2();
    const at::Tensor step = (factor * direction).clamp(-kernel::kStepBound, kernel::kStepBound);
    step_.narrow(0, begin, size).copy_(step);
    momentum_.narrow(0, begin, size).copy_(average[0] * constant(kCorrection));
    delta_.narrow(0, begin, size).copy_(-sign * (constant(kStep) * step) - constant(kDecay) * theta);
  }

  /// Moves the weights, hands the averages back, and gives the sums.
  void finish() {
    const auto averages = averages_.split_with_sizes(sizes_, 1);
    const auto deltas = delta_.split_with_sizes(sizes_);
    const at::Tensor dither =
        dither_bits(index_, keys_.bitwise_xor(static_cast<std::int64_t>(kWeightKey)).index_select(0, tensor_of_))
            .bitwise_and(0xffff);
    const auto dithers = dither.split_with_sizes(sizes_);
    const auto values = theta_.split_with_sizes(sizes_);
    for (std::size_t k = 0; k < updates_.size(); ++k) {
      updates_[k]->state->numbers = averages[k].contiguous();
      at::Tensor& weight = updates_[k]->weight;
      if (weight.scalar_type() == at::kBFloat16) {
        const at::Tensor moved = values[k] + deltas[k];
        weight.copy_(at::where(moved.isfinite(), to_bfloat16(finite_part(moved), dithers[k]), values[k].to(at::kBFloat16))
                         .view(weight.sizes()));
      } else {
        const at::Tensor moved = weight + deltas[k].view(weight.sizes());
        weight.copy_(at::where(moved.isfinite(), moved, weight));
      }
    }
    const auto steps = piece_norms(step_, sizes_);
    const auto momenta = piece_norms(momentum_, sizes_);
    for (std::size_t k = 0; k < updates_.size(); ++k) {
      updates_[k]->step_sums = {steps[k] * steps[k], momenta[k] * momenta[k], updates_[k]->sums.non_finite};
    }
  }

  std::vector<TensorUpdate*> updates_;
  at::Device device_;
  bool fingerprints_;
  std::vector<std::int64_t> sizes_;
  std::int64_t size_ = 0;
  at::Tensor theta_, gradient_;       // [size], float
  at::Tensor tensor_of_, index_;      // [size]: which tensor a weight belongs to, and where in it
  at::Tensor constants_;              // [tensors, kColumns]
  at::Tensor keys_;                   // [tensors]
  at::Tensor averages_;               // [4, size], bfloat16
  std::vector<at::Tensor> biases_;    // [tensors, out]
  std::vector<at::Tensor> matrices_;  // [in, out]
  at::Tensor delta_, step_, momentum_;
};

}  // namespace

std::unique_ptr<UpdatePasses> batched_passes(std::vector<TensorUpdate*> updates, bool fingerprints) {
  return std::make_unique<BatchedPasses>(std::move(updates), fingerprints);
}

}  // namespace scout
