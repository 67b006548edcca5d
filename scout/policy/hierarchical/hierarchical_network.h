// The network of the rule "hierarchical_rnn": gated recurrent units for every weight, every tensor and the whole run,
// forwards and backwards (Wichrowska et al. 2017, "Learned optimizers that scale and generalize", and the code released with
// it).
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "scout/base/random.h"

namespace scout {

/// A step of a run, with σ the logistic function, and p_w, p_s, p_m, p_r, ... parameters:
///
///     weight   d = σ(p_m·h + a_m),  s = σ(p_s·h + a_s)                    decays; at a run's first step, 0
///              m_k <- d_k m_k + (1 - d_k) g,     d_k = d^(1/2^k)           k = 0..3: each over twice the time
///              v_k <- s v_k + (1 - s)(m_k² + 1e-12)
///              q_k = arsinh(m_k / √(v_k + 1e-16)),   ℓ_k = log(v_k + 1e-16)
///              x = [q_k;  q_k q_{k+1};  ℓ_k - mean of the ℓ;  ρ - mean of all weights' ρ]
///              h <- GRU(x, h; W_1 H_tensor + W_2 H_run)
///              δ = p_w·h + c·q
///              r = clip(ρ + p_r·h + a_r, ±33),   ρ <- μ ρ + (1 - μ) r       ρ: the logarithm of its learning rate
///              Δθ = -exp(r + o) δ / √(mean of δ² over the tensor + 1e-16)
///     tensor   H_tensor <- GRU(mean over its weights of [h, x], H_tensor; W_3 H_run)
///     run      H_run <- GRU(mean over tensors of H_tensor, H_run)
///
/// GRU(x, h; b): [r, u, c] = [σ, σ, tanh](V [x, h] + b + bias), where c sees r h in the place of h; h <- u h + (1 - u) c.
/// The levels above are seen as they were before the step. Biases and h at the beginning are parameters, too.
///
/// T is float, or double for tests of gradients. What comes of a weight depends on others through the sums alone.
class HierarchicalNetwork {
 public:
  static constexpr std::size_t kScales = 4;
  static constexpr std::size_t kInputs = 3 * kScales;
  static constexpr std::size_t kCells = 10;  ///< of a weight
  static constexpr std::size_t kAbove = 20;  ///< of a tensor, and of the run
  static constexpr std::size_t kPooled = kCells + kInputs;
  static constexpr double kLeastLogRate = -33, kGreatestLogRate = 33;

  /// What is remembered of a weight.
  enum Memory : std::size_t {
    kHidden = 0,
    kLogRate = kCells,
    kMean,
    kSquare = kMean + kScales,
    kMemory = kSquare + kScales
  };

  static std::size_t parameter_count();
  static std::vector<float> initial_parameters(Random& random);
  /// Where, among the parameters, h at the beginning is: of weights [kCells], of tensors and of the run [kAbove].
  static std::size_t initial_weight_at();
  static std::size_t initial_tensor_at();
  static std::size_t initial_run_at();
  /// Where p_w is, followed by c; and o.
  static std::size_t update_at();
  static std::size_t offset_at();

  /// ρ at the beginning, of weight number `index` of tensor number `tensor`: the sum of a number of the weight's and one of
  /// the tensor's, both as if uniform in [log(1e-6)/2, log(1e-2)/2]; and its mean.
  static float initial_log_rate(std::size_t index, std::size_t tensor);
  static constexpr double kInitialLogRate = -9.210340371976182;

  /// What the weights of a tensor see of everything else.
  template <class T>
  struct Context {
    std::array<T, 3 * kCells> bias{};  ///< W_1 H_tensor + W_2 H_run
    T mean_log_rate = 0;
    bool first = false;  ///< whether it is the run's first step
  };
  /// H_tensor and H_run [kAbove].
  template <class T>
  static Context<T> context(const T* parameters, const T* tensor, const T* run, T mean_log_rate, bool first);
  /// The same backwards, from `d_bias` of Context::bias; adds to `d_tensor`, `d_run` and `gradient`.
  template <class T>
  static void context_back(const T* parameters, const T* tensor, const T* run, const T* d_bias, T* d_tensor, T* d_run,
                           T* gradient);

  /// What a weight's step leaves for the way back.
  template <class T>
  struct Trace {
    std::array<T, kMemory> before;
    std::array<T, kScales> decay, mean, square, q, z;
    std::array<T, kInputs> x;
    std::array<T, 3 * kCells> gates;
    std::array<T, kCells> hidden;  // after
    T gradient, scale_decay, delta, log_rate;
    T moved;  // Δθ
  };
  /// The first half of a weight's step, up to δ, which it returns. Moves `memory` [kMemory] on, ρ apart; adds [h, x] to
  /// `pooled` [kPooled]. `trace` may be null.
  template <class T>
  static T look(const T* parameters, const Context<T>& context, T gradient, T* memory, double* pooled, Trace<T>* trace);
  /// The second half: returns Δθ and moves ρ on. `rms`: √(mean of δ² + 1e-16).
  template <class T>
  static T move(const T* parameters, T* memory, T delta, T rms, Trace<T>* trace);

  /// ∂L/∂ what a weight's step has been given, and where its derivatives are added up.
  template <class T>
  struct Back {
    T moved = 0;                         ///< ∂L/∂Δθ
    T rms = 1;                           ///< of the tensor's δ
    T mean_product = 0;                  ///< Σ over the tensor of ∂L/∂Δθ Δθ, over its weights' number
    std::array<T, kPooled> pooled{};     ///< ∂L/∂ [h, x] by way of the levels above
    std::array<T, 3 * kCells> d_bias{};  ///< summed: ∂L/∂ Context::bias
    T d_mean_log_rate = 0;               ///< summed: ∂L/∂ Context::mean_log_rate
  };
  /// The step backwards. `d_memory` goes from ∂L/∂ the memory after the step to that before. Returns ∂L/∂ the gradient that
  /// the weight saw. Adds to `back` and to `gradient`.
  template <class T>
  static T back(const T* parameters, const Context<T>& context, const Trace<T>& trace, Back<T>& back, T* d_memory,
                T* gradient);

  /// The tensor's step: `pooled` is the mean of [h, x]. `gates` [3 kAbove] may be null.
  template <class T>
  static void tensor_step(const T* parameters, const T* pooled, const T* run, T* tensor, T* gates);
  /// Backwards, with `tensor` as it was before: `d_tensor` from after to before; adds to `d_pooled`, `d_run`, `gradient`.
  template <class T>
  static void tensor_back(const T* parameters, const T* pooled, const T* run, const T* tensor, const T* gates, T* d_tensor,
                          T* d_pooled, T* d_run, T* gradient);
  /// The run's step: `mean` of the tensors' new states.
  template <class T>
  static void run_step(const T* parameters, const T* mean, T* run, T* gates);
  template <class T>
  static void run_back(const T* parameters, const T* mean, const T* run, const T* gates, T* d_run, T* d_mean, T* gradient);
};

}  // namespace scout
