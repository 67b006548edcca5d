// A small causal transformer that makes one number of each token of a sequence, forwards step by step and backwards over the
// whole sequence.
#pragma once

#include <cstddef>
#include <vector>

#include "scout/base/random.h"

namespace scout {

/// The network of the rule "transformer". A token x [inputs] becomes d numbers, h = x W + b. Each block then adds to them
///
///     h <- h + attention(norm(h)),      h <- h + ReLU(norm(h) W1 + b1) W2 + b2
///
/// (Vaswani et al. 2017, with norms before the layers as in Xiong et al. 2020), and the output is norm(h)·w + v. norm: zero
/// mean and unit variance, without parameters, since an affine layer follows. A head's scores are q·k/√(d/heads) less its
/// slope 2^(-8 k/heads) times how many tokens ago the key was (Press et al. 2022): so there is no longest sequence. A token
/// sees itself and those before it, `context` of them in all.
///
/// T is float, or double for tests of gradients. Parameters are flat: of each affine layer W [in, out], row by row, then b
/// [out]; the layers in the order of the formulas: W; of each block queries, keys and values as one layer, the attention's
/// output, W1, W2; w.
class Transformer {
 public:
  struct Shape {
    int inputs = 1;
    int width = 16;  ///< d, a multiple of `heads`
    int heads = 2;
    std::vector<int> blocks{};  ///< units of each block's feed-forward layer
    int context = 128;          ///< tokens that a token sees, itself included
  };
  /// Throws std::invalid_argument naming what is below 1, or a width that is no multiple of the heads.
  explicit Transformer(const Shape& shape);

  std::size_t inputs() const { return inputs_; }
  std::size_t context() const { return context_; }
  std::size_t parameter_count() const { return parameter_count_; }
  /// Normal numbers of deviation 1/√in (He et al. 2015's, √(2/in), before the ReLU), zero biases. What blocks add is smaller
  /// by √(2 blocks), and the output by `output_scale`; its bias is `output`.
  std::vector<float> initial_parameters(Random& random, double output_scale, double output) const;

  /// Numbers that a token leaves for those that see it: its keys and values, of each block.
  std::size_t memory_size() const { return blocks_.size() * 2 * width_; }
  /// Numbers that a token leaves for `backward`, besides those.
  std::size_t trace_size() const { return trace_size_; }

  /// The output of token number `t`, x [inputs]. `memory` [slots, memory_size] is the sequence's: token s is in slot s %
  /// slots, where this one's is written; slots >= min(t + 1, context). Repeated, it gives the same. trace [trace_size] or
  /// null.
  template <class T>
  T step(const T* parameters, const T* x, std::size_t t, T* memory, std::size_t slots, T* trace = nullptr) const;
  /// What the forward pass over a sequence leaves. Reused from call to call.
  template <class T>
  struct Trace {
    std::vector<T> memory, tokens, d_memory;
  };
  /// All of a sequence: x [steps, inputs], y [steps].
  template <class T>
  void forward(const T* parameters, const T* x, std::size_t steps, T* y, Trace<T>& trace) const;
  /// The same backwards, after `forward` with the same parameters: dy [steps] is ∂L/∂y. Adds ∂L/∂ parameters to `gradient`.
  template <class T>
  void backward(const T* parameters, std::size_t steps, const T* dy, Trace<T>& trace, T* gradient) const;

 private:
  struct Affine {
    std::size_t in = 0, out = 0, offset = 0;
    template <class T>
    void forward(const T* parameters, const T* x, T* y) const;
    /// Adds to `gradient`; writes dx unless it is null.
    template <class T>
    void backward(const T* parameters, const T* x, const T* dy, T* gradient, T* dx) const;
  };
  struct Block {
    Affine qkv, mix, up, down;
    std::size_t trace = 0;  // where its part of a token's trace begins
  };

  Affine layer(std::size_t in, std::size_t out);
  std::size_t first_seen(std::size_t t) const { return t + 1 > context_ ? t + 1 - context_ : 0; }
  double slope(std::size_t head) const;

  std::size_t inputs_, width_, heads_, context_;
  Affine embed_, read_out_;
  std::vector<Block> blocks_;
  std::size_t parameter_count_ = 0, trace_size_ = 0;
};

}  // namespace scout
