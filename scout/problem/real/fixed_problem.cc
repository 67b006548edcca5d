#include "scout/problem/real/fixed_problem.h"

#include <stdexcept>

namespace scout {
namespace {

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
    return problem_instance(make_(static_cast<int>(index)));
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
