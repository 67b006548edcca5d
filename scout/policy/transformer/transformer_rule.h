// A rule for functions that sets the step sizes of gradient descent: a transformer reads the history of a coordinate, and
// puts out the logarithm of the coordinate's step size. After "Prior-fitted optimizer policies" (Kobiolka et al. 2026,
// arXiv 2602.15473), whose architecture this is no copy of: docs/deviations.md lists what is known of it.
//
//     Δθ_i = -scale · 10^(4 u_i) · g_i / G,      u_i = network(tokens of coordinate i so far), clipped to [-1, 1]
//
// with G the greatest root mean square of ∇f over coordinates that the run has seen, so that neither the scale of f nor, by
// the run's scale, that of θ matters. |Δθ_i| is at most the scale. Coordinates share the parameters and do not see each
// other, but for f and G: a policy fits any M.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "scout/policy/rules.h"
#include "scout/policy/transformer/transformer.h"

namespace scout {

class TransformerRule : public UpdateRule {
 public:
  /// Numbers of a token: see TransformerRun::write_token.
  static constexpr int kInputs = 10;
  /// u where a training begins: step sizes of a tenth.
  static constexpr double kFirst = -0.25;

  /// Throws std::invalid_argument naming an option that is out of range.
  explicit TransformerRule(const RuleOptions& options);

  std::size_t parameter_count() const override { return network_->parameter_count(); }
  std::vector<float> initial_parameters(Random& random) const override {
    return network_->initial_parameters(random, 0.1, kFirst);
  }
  const Transformer& network() const { return *network_; }

 protected:
  std::shared_ptr<const Stepper> make_stepper(std::span<const float> parameters) const override;

 private:
  std::shared_ptr<const Transformer> network_;
};

/// A run of it. A row is a coordinate, its features are the latest token, and its action is u.
///
/// It keeps the keys and values of the last `context` tokens: 8 · blocks · width bytes a token and coordinate.
class TransformerRun : public RuleRun {
 public:
  TransformerRun(std::shared_ptr<const Transformer> network, int dimension);

  /// Throws std::invalid_argument if f is not known.
  void start(const Observation& first, const RunFrame& frame) override;
  void observe(const Observation& next) override;
  /// The steps, in units of the scale.
  std::span<float> actions() override { return steps_; }
  void apply(std::span<double> theta) const override;
  float action_of(float step) const override { return step; }

  /// u of each coordinate [M] as the network puts it out, not clipped.
  std::span<const float> outputs() const { return outputs_; }
  /// Takes other numbers in its place, and makes the steps anew.
  void act(std::span<const float> outputs);
  /// Asks the network about every token that it has not seen.
  void propose(const float* parameters);

  std::size_t rows() const override { return steps_.size(); }
  std::size_t features() const override { return TransformerRule::kInputs; }
  void write_features(std::span<const std::size_t> rows, float* out) const override;
  void write_actions(std::span<const std::size_t> rows, float* out) const override;

  void save(ArchiveWriter& archive) const override;
  void restore(ArchiveReader& archive) override;

 private:
  struct Coordinate {
    double origin = 0, half = 1;  // the box's centre and half its width
    double scale = 1;             // the largest step, in the units of `apply`
    double theta = 0, best = 0, gradient = 0;
    double sign = 1;  // of the first gradient that is not 0: what is signed is seen as if that were positive
    void visit(auto& archive) { archive(origin, half, scale, theta, best, gradient, sign); }
  };

  void visit(auto& archive);
  void take_in(const Observation& point);
  /// What the network sees of coordinate i: where it lies in the box; the way to the best point; the last step; the slope
  /// over G, and the logarithm of its size; f, and its change, in standard deviations of the values so far (Welford 1962);
  /// the last u; the elapsed share of the horizon, and the logarithm of the steps that remain.
  void write_token(std::size_t i, float* out) const;
  /// Makes room for as many tokens as the network sees: the run is longer than was said.
  void grow_memory();

  std::shared_ptr<const Transformer> network_;
  std::vector<Coordinate> coordinates_;
  std::vector<float> steps_, outputs_;
  std::size_t slots_ = 1;
  std::vector<float> memory_;    // [M, slots, memory of a token]
  std::vector<float> tokens_;    // [n, M, kInputs], the latest last: the latest, and what no proposal has been asked for yet
  std::int64_t remembered_ = 0;  // tokens in the memory, those that it has lost included
  std::int64_t step_ = 0, horizon_ = 1;
  double scale_ = 1;  // the largest step, in the units of observed points
  double f_ = 0, previous_f_ = 0, best_f_ = 0;
  double mean_f_ = 0, square_f_ = 0;  // of the values so far: the mean, and the sum of squares about it
  double largest_ = 0;                // G
};

}  // namespace scout
