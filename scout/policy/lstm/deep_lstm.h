// Layers of LSTM cells below a linear read-out of one number, applied to many rows, each with a state of its own.
#pragma once

#include <cstddef>
#include <vector>

#include "scout/base/random.h"

namespace scout {

/// The network of the rule "lstm". A layer of H cells sees z, what is below it and then its own h, and steps
///
///     [i, j, f, o] = z W + b,      W [in + H, 4H]
///     c <- σ(f + 1) c + σ(i) tanh(j),      h <- σ(o) tanh(c)
///
/// (Zaremba, Sutskever & Vinyals 2014, with a bias of 1 on forget gates). The output is w·h + v of the top layer; without
/// layers, of the input. Parameters are flat: of each layer W, row by row, then b; then w; then v. A row's state is h and
/// c of each layer, from the bottom up.
///
/// T is float, or double for tests of gradients. What comes of a row does not depend on the others.
class DeepLstm {
 public:
  /// `inputs` >= 1; `widths`: cells of each layer, each >= 1; may be empty.
  DeepLstm(int inputs, std::vector<int> widths);

  std::size_t inputs() const { return inputs_; }
  const std::vector<std::size_t>& widths() const { return widths_; }
  std::size_t parameter_count() const { return read_out() + top() + 1; }
  /// Where the read-out's parameters begin.
  std::size_t read_out() const { return read_out_; }
  /// Numbers that the read-out sees.
  std::size_t top() const { return widths_.empty() ? inputs_ : widths_.back(); }
  /// Numbers of a row's state.
  std::size_t state_size() const { return state_size_; }
  /// Numbers that a step of a row leaves for `backward`.
  std::size_t trace_size() const { return trace_size_; }

  /// One step: x [rows, inputs]; state [rows, state_size], which moves on; y [rows]; trace [rows, trace_size] or null.
  template <class T>
  void forward(const T* parameters, const T* x, std::size_t rows, T* state, T* y, T* trace = nullptr) const;
  /// The same step backwards: dy [rows] is ∂L/∂y; d_state [rows, state_size] goes from ∂L/∂ the state after the step to that
  /// before. Adds ∂L/∂ parameters to `gradient`. ∂L/∂x is not wanted: gradients of the optimizee count as constant.
  template <class T>
  void backward(const T* parameters, const T* trace, const T* dy, std::size_t rows, T* d_state, T* gradient) const;

 private:
  template <class T>
  void forward_block(const T* parameters, const T* x, std::size_t rows, T* state, T* y, T* trace) const;

  std::size_t inputs_;
  std::vector<std::size_t> widths_;
  std::size_t read_out_ = 0;
  std::size_t state_size_ = 0;
  std::size_t trace_size_ = 0;
};

/// The inputs of a gradient: itself or, if k > 0, clamp(log(|g| + ε)/k, -1, ∞) and clamp(g e^k, -1, 1), with ε of a float:
/// the preprocessing of Andrychowicz et al. 2016, appendix A, clamped as in their code instead of switched between two
/// branches. Writes `gradient_inputs(k)` numbers. g: finite.
template <class T>
void preprocess_gradient(T g, double k, T* out);
inline int gradient_inputs(double k) { return k > 0 ? 2 : 1; }

}  // namespace scout
