#include "scout/problem/noisy_family.h"

#include <bit>
#include <cmath>

namespace scout {
namespace {

class NoisyInstance : public Instance {
 public:
  NoisyInstance(std::unique_ptr<const Instance> base, Seed seed) : base_(std::move(base)), seed_(seed) {
    const double level = Random(seed.derive("level")).log_uniform(0.01, 0.3);
    constexpr std::size_t count = 64;
    const auto m = static_cast<std::size_t>(base_->dimension());
    std::vector<double> theta(count * m);
    std::vector<double> f(count);
    std::vector<double> gradient(count * m);
    Random random(seed.derive("starts"));
    for (std::size_t b = 0; b < count; ++b) base_->sample_start(random, std::span(theta).subspan(b * m, m));
    base_->evaluate(theta, f, gradient);

    double mean = 0.0, variance = 0.0, square = 0.0;
    for (double value : f) mean += value / count;
    for (double value : f) variance += (value - mean) * (value - mean) / count;
    for (double g : gradient) square += g * g / static_cast<double>(gradient.size());
    f_noise_ = level * std::sqrt(variance);
    gradient_noise_ = level * std::sqrt(square);
  }

  int dimension() const override { return base_->dimension(); }
  std::vector<TensorShape> tensors() const override { return base_->tensors(); }

  void evaluate(std::span<const double> theta, std::span<double> f, std::span<double> gradient) const override {
    base_->evaluate(theta, f, gradient);
    const auto m = static_cast<std::size_t>(dimension());
    for (std::size_t b = 0; b * m < theta.size(); ++b) {
      Random random(noise_seed(theta.subspan(b * m, m)));
      const double noise = f_noise_ * random.normal();  // drawn even if unused, so that ∇f does not depend on what is asked
      if (!f.empty()) f[b] += noise;
      if (gradient.empty()) continue;
      for (double& g : gradient.subspan(b * m, m)) g += gradient_noise_ * random.normal();
    }
  }

  double true_value(std::span<const double> theta) const override { return base_->true_value(theta); }
  void sample_start(Random& random, std::span<double> theta) const override { base_->sample_start(random, theta); }
  std::span<const double> lower() const override { return base_->lower(); }
  std::span<const double> upper() const override { return base_->upper(); }
  double value_scale() const override { return base_->value_scale(); }
  std::optional<double> optimum_value() const override { return base_->optimum_value(); }
  std::span<const double> optimum() const override { return base_->optimum(); }

 private:
  Seed noise_seed(std::span<const double> theta) const {
    std::uint64_t hash = 0;
    // + 0.0 turns -0.0 into 0.0: equal points have equal noise.
    for (double x : theta) hash = Seed::mix(hash * 0x9e3779b97f4a7c15ULL + std::bit_cast<std::uint64_t>(x + 0.0));
    return seed_.derive("point").derive(hash);
  }

  std::unique_ptr<const Instance> base_;
  Seed seed_;
  double f_noise_, gradient_noise_;
};

class NoisyFamily : public Family {
 public:
  explicit NoisyFamily(std::shared_ptr<const Family> base)
      : Family(base->name() + "-noisy", base->summary() + ", with noisy f and ∇f"), base_(std::move(base)) {}

  std::unique_ptr<Instance> sample(Split split, std::uint64_t index, int dimension) const override {
    return std::make_unique<NoisyInstance>(base_->sample(split, index, dimension),
                                           instance_seed(name(), split, index, dimension));
  }

 private:
  std::shared_ptr<const Family> base_;
};

}  // namespace

std::shared_ptr<const Family> noisy_family(std::shared_ptr<const Family> base) {
  return std::make_shared<NoisyFamily>(std::move(base));
}

}  // namespace scout
