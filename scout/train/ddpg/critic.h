// The critic of DDPG.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "scout/base/random.h"
#include "scout/nn/mlp.h"

namespace scout {

/// Q of the coordinates of a state. q_i = w · relu(W2 h_i + W3 mean_j h_j + b), h_i = relu(W1 [s_i, a_i] + b1):
/// permutation-equivariant (Zaheer et al. 2017); with one row, or not pooled, an ordinary perceptron.
class Critic {
 public:
  Critic() = default;
  Critic(int features, int actions, std::vector<int> hidden, bool pooled);
  std::size_t parameter_count() const { return parameter_count_; }
  std::vector<float> initial_parameters(Random& random) const;
  /// The last layer, whose output is q.
  const Linear& output() const { return output_; }

  /// The activations of one batch, and scratch of `backward`. Reused from call to call.
  struct Trace {
    std::vector<float> hidden, pool, pooled_part, second, q;
    std::vector<float> d_second, d_hidden, d_pool, action_columns, no_bias;
    bool one_row = false;           // whether each state has one, and is pooled
    std::vector<float> sum, d_sum;  // then, of the second layer and of that of the means; see sum_layer()
  };
  /// The critic's input [rows, F + A], of states [rows, F] and actions [rows, A]; and the same states with other actions.
  void join(const float* states, const float* actions, int rows, std::vector<float>& input) const;
  void replace_actions(const float* actions, int rows, std::vector<float>& input) const;
  /// Rows [begin[b], begin[b+1]) of the input belong to one state; begin[0] = 0. Returns q [N], in `trace`.
  const std::vector<float>& forward(const float* parameters, const std::vector<float>& input, std::span<const int> begin,
                                    Trace& trace) const;
  /// Of the last `forward` with `trace`. Adds to `gradient` if not null; writes ∂L/∂actions [N, A] to `d_actions` if not
  /// null.
  void backward(const float* parameters, const std::vector<float>& input, std::span<const int> begin, const float* dq,
                Trace& trace, float* gradient, float* d_actions) const;

 private:
  /// The second layer and that of the means as one, with the sum of their parameters.
  Linear sum_layer() const { return {second_.in, second_.out, 0}; }

  int features_ = 0;
  int actions_ = 0;
  bool pooled_ = false;
  Linear first_, second_, pool_, output_;
  std::size_t parameter_count_ = 0;
};

}  // namespace scout
