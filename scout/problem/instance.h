// One function to minimise, and the family it was sampled from.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "scout/base/random.h"

namespace scout {

/// A named number.
struct Metric {
  std::string name;
  double value;
};

/// A tensor of parameters, as an optimizer for networks sees it.
struct TensorShape {
  std::int64_t size = 0;  ///< weights
  int dimensions = 0;
  std::int64_t rows = 1;  ///< size of the first dimension: fan-in is size/rows, if there are two or more
};

/// A function f: R^M -> R with its gradient, its start distribution and, where it is known, its optimum.
/// Instances are immutable and may be evaluated from several threads at once.
class Instance {
 public:
  virtual ~Instance() = default;

  /// M >= 1.
  virtual int dimension() const = 0;

  /// The tensors that θ consists of, in its order: what optimizers that measure tensors apart go by. Their sizes add up to
  /// M. One vector where nothing else is said.
  virtual std::vector<TensorShape> tensors() const { return {{dimension(), 1, dimension()}}; }

  /// f and ∇f at a batch of points. `theta` is [B, M] row-major; `f` is [B]; `gradient` is [B, M]. Either output may be
  /// empty, and is then not computed. On a noisy instance these are the noisy values that an optimizer sees. Noise is a
  /// function of the instance's seed and θ, so evaluation is deterministic.
  virtual void evaluate(std::span<const double> theta, std::span<double> f, std::span<double> gradient) const = 0;

  /// Whether optimizers see f through random minibatches, `evaluate_minibatch`. Then `evaluate` is for the judge, and costs
  /// much more.
  virtual bool stochastic() const { return false; }

  /// As `evaluate`, estimated on random minibatch number `minibatch`. A run counts its minibatches from 0, one for each
  /// point that it asks about, unless it holds one (OneMinibatch). f and ∇f of one call belong to the same minibatch. Where
  /// f is not stochastic, this is `evaluate`.
  virtual void evaluate_minibatch([[maybe_unused]] std::uint64_t minibatch, std::span<const double> theta,
                                  std::span<double> f, std::span<double> gradient) const {
    evaluate(theta, f, gradient);
  }

  /// The noiseless f of one point [M]: what results are judged by.
  virtual double true_value(std::span<const double> theta) const = 0;

  /// A point [M] from the start distribution.
  virtual void sample_start(Random& random, std::span<double> theta) const = 0;

  /// Where a run begins [M], if the problem itself says so; empty: at a point of the start distribution. Restarts are from
  /// the start distribution in any case.
  virtual std::span<const double> given_start() const { return {}; }

  /// The box [M] that holds the starts and the optimum. A hint for scales and for methods that need bounds, not a
  /// constraint: f is defined outside.
  virtual std::span<const double> lower() const = 0;
  virtual std::span<const double> upper() const = 0;

  /// The factor between the textbook function and this instance's f. Gaps are reported in textbook units, (f -
  /// f*)/value_scale(), so that instances of one family can be put into one median.
  virtual double value_scale() const { return 1.0; }

  /// The least value f*, if known.
  virtual std::optional<double> optimum_value() const { return std::nullopt; }
  /// A point [M] where f = f*; empty if unknown.
  virtual std::span<const double> optimum() const { return {}; }

  /// What else the judge wants to know of one point [M], e.g. the accuracy of a network on unseen data. It may cost many
  /// evaluations.
  virtual std::vector<Metric> metrics([[maybe_unused]] std::span<const double> theta) const { return {}; }
};

/// Which instances: they never overlap, since the split is an axis of the instance's seed.
enum class Split { train, validation, test };
std::string_view to_string(Split split);
/// Throws std::invalid_argument that lists the names.
Split split_from_string(std::string_view name);

/// Where a run begins: the given start, or else a point from the start distribution.
std::vector<double> first_start(const Instance& instance, Random& random);

/// The seed that everything random about one instance derives from: named axes make instances permanent and splits disjoint.
Seed instance_seed(std::string_view family_name, Split split, std::uint64_t index, int dimension);

/// A distribution over instances, or a set of fixed ones.
class Family {
 public:
  /// `summary`: one line for `scout list problems`.
  Family(std::string name, std::string summary) : name_(std::move(name)), summary_(std::move(summary)) {}
  virtual ~Family() = default;
  const std::string& name() const { return name_; }
  const std::string& summary() const { return summary_; }

  /// Whether the instances are trainings of networks, and θ weights.
  virtual bool of_networks() const { return false; }
  /// Whether each instance has a dimension of its own, which `sample` then does not ask for.
  virtual bool has_own_dimensions() const { return false; }

  /// How many instances there are, where they are fixed problems, which serve for judging alone: `sample` then has no other
  /// split than test. 0: a distribution, of any number of instances.
  virtual int fixed_instances() const { return 0; }

  /// The instance number `index` of a split, of dimension `dimension`; the same arguments always give the same instance.
  /// Throws std::invalid_argument if the family has no instance of that dimension, std::runtime_error if data that it needs
  /// are missing.
  virtual std::unique_ptr<Instance> sample(Split split, std::uint64_t index, int dimension) const = 0;

 private:
  std::string name_;
  std::string summary_;
};

}  // namespace scout
