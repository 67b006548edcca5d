#include "scout/train/unroll/lstm_unroll.h"

#include <algorithm>

namespace scout {
namespace {

/// Coordinates that are worked on together: what they leave on the way forwards has to be kept for the way back.
constexpr std::size_t kTogether = 64;

}  // namespace

template <class T>
void backpropagate(const LstmRule& rule, const T* parameters, const RunPoints& points, std::size_t first,
                   std::vector<T>& state, std::vector<T>& gradient) {
  if (points.values.size() < 2) return;
  const DeepLstm& network = rule.network();
  const std::size_t m = points.gradients.size() / points.values.size(), steps = points.values.size() - 1;
  const std::size_t inputs = network.inputs(), size = network.state_size(), left = network.trace_size();
  std::vector<T> x(kTogether * inputs), y(kTogether), later(kTogether), d_state(kTogether * size);
  std::vector<T> traces((steps - std::min(first, steps)) * kTogether * left);
  for (std::size_t begin = 0; begin < m; begin += kTogether) {
    const std::size_t rows = std::min(kTogether, m - begin);
    for (std::size_t t = 0; t < steps; ++t) {
      const float* g = &points.gradients[t * m + begin];
      for (std::size_t i = 0; i < rows; ++i) preprocess_gradient(static_cast<T>(g[i]), rule.preprocess(), &x[i * inputs]);
      T* trace = t < first ? nullptr : &traces[(t - first) * kTogether * left];
      network.forward(parameters, x.data(), rows, state.data() + begin * size, y.data(), trace);
    }
    std::ranges::fill(later, T(0));
    std::ranges::fill(d_state, T(0));
    for (std::size_t t = steps; t-- > first;) {
      const float* next = &points.gradients[(t + 1) * m + begin];
      const T weight = static_cast<T>(points.weight(t + 1));
      for (std::size_t i = 0; i < rows; ++i) {
        later[i] += weight * static_cast<T>(next[i]);
        y[i] = static_cast<T>(rule.step_scale()) * later[i];
      }
      network.backward(parameters, &traces[(t - first) * kTogether * left], y.data(), rows, d_state.data(), gradient.data());
    }
  }
}

template void backpropagate(const LstmRule&, const float*, const RunPoints&, std::size_t, std::vector<float>&,
                            std::vector<float>&);
template void backpropagate(const LstmRule&, const double*, const RunPoints&, std::size_t, std::vector<double>&,
                            std::vector<double>&);

}  // namespace scout
