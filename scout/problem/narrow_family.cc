#include "scout/problem/narrow_family.h"

#include <stdexcept>

#include "scout/problem/axis_values.h"

namespace scout {
namespace {

/// An instance whose runs start in one corner of its box.
class CorneredInstance : public Instance {
 public:
  CorneredInstance(std::unique_ptr<const Instance> base, double region) : base_(std::move(base)), region_(region) {}

  void sample_start(Random& random, std::span<double> theta) const override {
    for (std::size_t i = 0; i < theta.size(); ++i) {
      const double low = lower()[i], high = upper()[i], part = region_ * (high - low);
      const bool at_top = optimum()[i] < 0.5 * (low + high);
      theta[i] = random.uniform(at_top ? high - part : low, at_top ? high : low + part);
    }
  }

  int dimension() const override { return base_->dimension(); }
  std::vector<TensorShape> tensors() const override { return base_->tensors(); }
  void evaluate(std::span<const double> theta, std::span<double> f, std::span<double> gradient) const override {
    base_->evaluate(theta, f, gradient);
  }
  bool stochastic() const override { return base_->stochastic(); }
  void evaluate_minibatch(std::uint64_t minibatch, std::span<const double> theta, std::span<double> f,
                          std::span<double> gradient) const override {
    base_->evaluate_minibatch(minibatch, theta, f, gradient);
  }
  double true_value(std::span<const double> theta) const override { return base_->true_value(theta); }
  std::span<const double> lower() const override { return base_->lower(); }
  std::span<const double> upper() const override { return base_->upper(); }
  double value_scale() const override { return base_->value_scale(); }
  std::optional<double> optimum_value() const override { return base_->optimum_value(); }
  std::span<const double> optimum() const override { return base_->optimum(); }
  std::vector<Metric> metrics(std::span<const double> theta) const override { return base_->metrics(theta); }

 private:
  std::unique_ptr<const Instance> base_;
  double region_;
};

class NarrowFamily : public Family {
 public:
  NarrowFamily(std::shared_ptr<const Family> base, std::string_view axes)
      : Family(base->name() + ":" + std::string(axes), base->summary() + ", a part of it"), base_(std::move(base)) {
    set_options(options_, axis_values(axes));
  }

  bool has_own_dimensions() const override { return base_->has_own_dimensions(); }

  std::unique_ptr<Instance> sample(Split split, std::uint64_t index, int dimension) const override {
    const std::vector<int>& only = options_.instance;
    auto out = only.empty() ? base_->sample(split, index, dimension)
                            : base_->sample(Split::train, static_cast<std::uint64_t>(only[index % only.size()]), dimension);
    if (options_.region == 1) return out;
    if (out->optimum().empty()) {
      throw std::invalid_argument("problem '" + name() + "': region is " + json_text(options_.region) +
                                  ": must be 1 where no optimum is known that it could be far from");
    }
    if (split != Split::train) return out;
    return std::make_unique<CorneredInstance>(std::move(out), options_.region);
  }

 private:
  std::shared_ptr<const Family> base_;
  NarrowOptions options_;
};

}  // namespace

std::shared_ptr<const Family> narrow_family(std::shared_ptr<const Family> base, std::string_view axes) {
  return std::make_shared<NarrowFamily>(std::move(base), axes);
}

}  // namespace scout
