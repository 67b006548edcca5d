#include "scout/problem/real/fixed_problem.h"

#include <stdexcept>

namespace scout {
namespace {

class FixedInstance : public Instance {
 public:
  explicit FixedInstance(FixedProblem problem) : problem_(std::move(problem)) {}

  int dimension() const override { return static_cast<int>(problem_.lower.size()); }

  void evaluate(std::span<const double> theta, std::span<double> f, std::span<double> gradient) const override {
    const std::size_t m = problem_.lower.size();
    for (std::size_t b = 0; b * m < theta.size(); ++b) {
      const double value =
          problem_.evaluate(theta.subspan(b * m, m), gradient.empty() ? gradient : gradient.subspan(b * m, m));
      if (!f.empty()) f[b] = value;
    }
  }

  double true_value(std::span<const double> theta) const override { return problem_.evaluate(theta, {}); }

  void sample_start(Random& random, std::span<double> theta) const override {
    if (problem_.sample_start) return problem_.sample_start(random, theta);
    for (std::size_t i = 0; i < theta.size(); ++i) theta[i] = random.uniform(problem_.lower[i], problem_.upper[i]);
  }

  std::span<const double> given_start() const override { return problem_.given_start; }
  std::span<const double> lower() const override { return problem_.lower; }
  std::span<const double> upper() const override { return problem_.upper; }
  double value_scale() const override { return problem_.unit; }
  std::optional<double> optimum_value() const override { return problem_.optimum_value; }
  std::span<const double> optimum() const override { return problem_.optimum; }

 private:
  FixedProblem problem_;
};

class FixedFamily : public Family {
 public:
  FixedFamily(std::string name, std::string summary, int count, std::function<FixedProblem(int)> make)
      : Family(std::move(name), std::move(summary)), count_(count), make_(std::move(make)) {}

  bool has_own_dimensions() const override { return true; }
  int fixed_instances() const override { return count_; }

  std::unique_ptr<Instance> sample(Split split, std::uint64_t index, int) const override {
    if (split != Split::test) {
      throw std::invalid_argument("problem '" + name() + "' is for judging alone: it has no " +
                                  std::string(to_string(split)) + " instances, only those of the split test");
    }
    if (index >= static_cast<std::uint64_t>(count_)) {
      throw std::invalid_argument("problem '" + name() + "': instance is " + std::to_string(index) + ": must be at most " +
                                  std::to_string(count_ - 1));
    }
    return std::make_unique<FixedInstance>(make_(static_cast<int>(index)));
  }

 private:
  int count_;
  std::function<FixedProblem(int)> make_;
};

}  // namespace

std::shared_ptr<const Family> fixed_family(std::string name, std::string summary, int count,
                                           std::function<FixedProblem(int index)> make) {
  return std::make_shared<FixedFamily>(std::move(name), std::move(summary), count, std::move(make));
}

Seed fixed_problem_seed(std::string_view family, int index) {
  return instance_seed(family, Split::test, static_cast<std::uint64_t>(index), 0);
}

}  // namespace scout
